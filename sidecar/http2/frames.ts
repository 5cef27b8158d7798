import { Buffer } from 'node:buffer';

/** Numbers of the wire (RFC 9113 4.1, 6, 7): frame types, flags, error codes, and the bounds of 31-bit values. */

/** Frame types. Others are ignored (RFC 9113 5.5). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags; `endStream` and `ack` share a bit, of different frames. */
export const frameFlag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Error codes of RST_STREAM and GOAWAY (RFC 9113 7). */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

const errorNames = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

/** The name of an error code, for logs. */
export function errorName(code: number): string {
  return errorNames[code] ?? `error ${code}`;
}

/** What a client sends first (RFC 9113 3.4). */
export const connectionPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** Octets of a frame header. */
export const headerBytes = 9;
/** Largest stream id, window and window increment: 2^31-1. */
export const maxInt31 = 0x7fff_ffff;
/** Window of a connection, and of a stream before SETTINGS (RFC 9113 6.9.2). */
export const defaultWindowBytes = 65_535;
/** Largest payload before SETTINGS say otherwise; we never say so. */
export const defaultFrameBytes = 16_384;

/** The four octets at `at`, without sign. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}
