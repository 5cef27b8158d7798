import { errorCode, errorName } from './frames.ts';

/** A rule of HTTP/2 that a peer broke. `reason` names it, `code` is what RST_STREAM or GOAWAY say. */
export type Http2Fault = Readonly<{ code: number; reason: string; message: string }>;

const {
  protocolError: protocol,
  flowControlError: flow,
  streamClosed,
  frameSizeError: size,
  enhanceYourCalm: calm,
} = errorCode;

const table = {
  // The connection.
  preface: [protocol, 'not the connection preface (RFC 9113 3.4)'],
  settingsFirst: [protocol, 'the first frame is not SETTINGS (RFC 9113 3.4)'],
  frameSize: [size, 'frame above SETTINGS_MAX_FRAME_SIZE (RFC 9113 4.2)'],
  payloadSize: [size, 'payload of the wrong size for its frame type (RFC 9113 6)'],
  padding: [protocol, 'padding as long as the payload or longer (RFC 9113 6.1)'],
  streamZero: [protocol, 'frame of a stream on stream 0 (RFC 9113 6)'],
  streamNotZero: [protocol, 'frame of the connection on a stream (RFC 9113 6)'],
  interrupted: [protocol, 'another frame within a header block (RFC 9113 4.3)'],
  continuation: [protocol, 'CONTINUATION without a header block (RFC 9113 6.10)'],
  pushPromise: [protocol, 'PUSH_PROMISE, which was not allowed (RFC 9113 8.4)'],
  idleStream: [protocol, 'frame on an idle stream (RFC 9113 5.1)'],
  streamId: [protocol, 'stream id of the wrong parity, or not above all before (RFC 9113 5.1.1)'],
  streamsOfServer: [protocol, 'a server opened a stream (RFC 9113 8.4)'],
  closedStream: [streamClosed, 'frame on a closed stream (RFC 9113 5.1)'],
  settingsAckPayload: [size, 'SETTINGS ACK with a payload (RFC 9113 6.5)'],
  settingsValue: [protocol, 'value of a setting out of range (RFC 9113 6.5.2)'],
  settingsWindow: [flow, 'SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1 (RFC 9113 6.5.2)'],
  settingsTimeout: [errorCode.settingsTimeout, 'SETTINGS were not acknowledged in time (RFC 9113 6.5.3)'],
  connectionIncrement: [protocol, 'WINDOW_UPDATE of 0 on the connection (RFC 9113 6.9)'],
  connectionWindowOverflow: [flow, 'the connection window passes 2^31-1 (RFC 9113 6.9.1)'],
  connectionWindowExceeded: [flow, 'more DATA than the connection window (RFC 9113 6.9)'],
  goawayGrows: [protocol, 'a GOAWAY with a higher last stream than the one before (RFC 9113 6.8)'],
  compression: [errorCode.compressionError, 'the header block cannot be decoded (RFC 9113 4.3)'],
  // A stream.
  halfClosed: [streamClosed, 'frame after END_STREAM (RFC 9113 5.1)'],
  tooManyStreams: [errorCode.refusedStream, 'more streams than SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 5.1.2)'],
  selfDependency: [protocol, 'a stream that depends on itself (RFC 7540 5.3.1)'],
  prioritySize: [size, 'PRIORITY that is not 5 octets (RFC 9113 6.3)'],
  streamIncrement: [protocol, 'WINDOW_UPDATE of 0 (RFC 9113 6.9)'],
  streamWindowOverflow: [flow, 'the stream window passes 2^31-1 (RFC 9113 6.9.1)'],
  streamWindowExceeded: [flow, 'more DATA than the stream window (RFC 9113 6.9)'],
  dataBeforeHead: [protocol, 'DATA before the head (RFC 9113 8.1)'],
  // A message.
  fieldName: [protocol, 'malformed field name, or one in upper case (RFC 9113 8.2.1)'],
  fieldValue: [protocol, 'malformed field value (RFC 9113 8.2.1)'],
  connectionField: [protocol, 'field of a connection (RFC 9113 8.2.2)'],
  te: [protocol, 'te other than trailers (RFC 9113 8.2.2)'],
  pseudoUnknown: [protocol, 'unknown pseudo-header, or one that has no place here (RFC 9113 8.3)'],
  pseudoRepeated: [protocol, 'pseudo-header that is there twice (RFC 9113 8.3)'],
  pseudoLate: [protocol, 'pseudo-header behind a field (RFC 9113 8.3)'],
  pseudoMissing: [protocol, 'pseudo-header is missing (RFC 9113 8.3.1, 8.3.2)'],
  pseudoInTrailers: [protocol, 'pseudo-header in trailers (RFC 9113 8.1)'],
  method: [protocol, 'malformed :method (RFC 9110 9.1)'],
  scheme: [protocol, ':scheme that is not http or https (RFC 9113 8.3.1)'],
  path: [protocol, 'malformed or empty :path (RFC 9113 8.3.1)'],
  authority: [protocol, 'malformed :authority or host (RFC 9113 8.3.1)'],
  authorityMissing: [protocol, 'neither :authority nor host (RFC 9113 8.3.1)'],
  authoritiesDiffer: [protocol, ':authority and host differ, or host is there twice (RFC 9113 8.3.1)'],
  connect: [
    protocol,
    'CONNECT with :scheme or :path, or :protocol where it was not allowed (RFC 9113 8.5, RFC 8441 4)',
  ],
  status: [protocol, 'malformed :status, or 101 (RFC 9113 8.3.2, 8.6)'],
  informationalEnd: [protocol, 'a 1xx that ends its stream (RFC 9113 8.1)'],
  trailersNotLast: [protocol, 'trailers without END_STREAM (RFC 9113 8.1)'],
  contentLength: [protocol, 'malformed content-length, or several that differ (RFC 9113 8.1.1)'],
  lengthDiffers: [protocol, 'content-length is not the length of the DATA (RFC 9113 8.1.1)'],
  fieldsTooLarge: [calm, 'header list above SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113 10.5.1)'],
  tooManyFields: [calm, 'more fields than the limit'],
  expectation: [protocol, 'expect other than 100-continue (RFC 9110 10.1.1)'],
  // Abuse.
  blockTooLarge: [calm, 'header block above the limit'],
  emptyFrames: [calm, 'frames without a payload in a row'],
  outboundFlood: [calm, 'frames to send pile up'],
  outboundControlFlood: [calm, 'SETTINGS, PING and RST_STREAM to send pile up'],
  priorityFlood: [calm, 'more PRIORITY frames than the limit'],
  windowUpdateFlood: [calm, 'more WINDOW_UPDATE frames than the limit'],
  rapidReset: [calm, 'too many streams were reset before they were done'],
  strayFrames: [calm, 'too many frames on closed streams'],
  // Time.
  headTimeout: [calm, 'the preface, a header block or a frame did not come in time'],
  keepalive: [errorCode.noError, 'a PING was not answered in time'],
} as const satisfies Record<string, readonly [number, string]>;

/** Every way in which a peer can break the protocol. */
export const faults = Object.fromEntries(
  Object.entries(table).map(([reason, [code, message]]) => [reason, { code, reason, message }]),
) as Readonly<Record<keyof typeof table, Http2Fault>>;

/** What a fault is called in logs and in GOAWAY's debug data. */
export function describeFault({ code, reason, message }: Http2Fault): string {
  return `${errorName(code)} ${reason}: ${message}`;
}
