/**
 * The part of Node's private interface below `net.Socket` and `tls.TLSSocket` that the direct transport drives, as it is in the
 * Node version of {@link testedNodeVersion} (lib/internal/stream_base_commons.js). Nothing else in Tulle knows of it.
 */
import type { Socket } from 'node:net';

/** The version that Tulle pins; on any other the direct transport is not used. */
export const testedNodeVersion = 'v26.10.0';

/** A write that was not done within the call. */
export type WriteRequest = {
  /** Called once, when it is done; a negative number is an errno. */
  oncomplete: (status: number) => void;
  /** Set if it was done already. */
  writeStatus: number | null;
  /** Keeps what is written alive. */
  buffer?: unknown;
};

/** The handle of a socket: libuv's stream, or TLS upon it. */
export type StreamHandle = {
  /** Whether it reads, as Node's streams see it. */
  reading: boolean;
  /** Called when something was read into the user's buffer; {@link lastRead} says how much. */
  onread: () => undefined;
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
  /** A number: it is done, or failed with that (negative) errno. */
  writeBuffer(request: null, bytes: Uint8Array): number | WriteRequest;
  writev(request: null, chunks: readonly Uint8Array[], allBuffers: true): number | WriteRequest;
};

type StreamWrap = Readonly<{
  streamBaseState: Int32Array;
  kReadBytesOrError: number;
  kLastWriteErr: number;
}>;

/** What of `process` is asked. */
type NodeProcess = Readonly<{ version: string }>;

const methods = ['readStart', 'readStop', 'useUserBuffer', 'writeBuffer', 'writev'] as const;

let binding: StreamWrap | null = null;

/** Finds Node's state of the last read and write; why it is not there, or null. */
export function loadStreamWrap(node: NodeProcess = process): string | null {
  if (node.version !== testedNodeVersion) return `Node is ${node.version}, tested was ${testedNodeVersion}`;
  const load: unknown = Reflect.get(node, 'binding');
  if (typeof load !== 'function') return 'process.binding is gone';
  const found: unknown = Reflect.apply(load, node, ['stream_wrap']);
  if (!isStreamWrap(found)) return 'stream_wrap has another shape';
  binding = found;
  return null;
}

function isStreamWrap(found: unknown): found is StreamWrap {
  if (typeof found !== 'object' || found === null) return false;
  const numbers = ['kReadBytesOrError', 'kLastWriteErr'].map((name): unknown => Reflect.get(found, name));
  return (
    Reflect.get(found, 'streamBaseState') instanceof Int32Array && numbers.every((each) => typeof each === 'number')
  );
}

/** The handle of a connected socket; null if it is closed, or not of the shape that is known. */
export function handleOf(socket: Socket): StreamHandle | null {
  const handle: unknown = Reflect.get(socket, '_handle');
  return isStreamHandle(handle) ? handle : null;
}

function isStreamHandle(handle: unknown): handle is StreamHandle {
  if (typeof handle !== 'object' || handle === null) return false;
  return methods.every((name) => typeof Reflect.get(handle, name) === 'function');
}

/** Octets of the read that `onread` tells of; negative: an errno. */
export function lastRead(): number {
  return binding === null ? 0 : (binding.streamBaseState[binding.kReadBytesOrError] ?? 0);
}

/** Errno of the write that was just begun; 0 if all is well. */
export function lastWriteError(): number {
  return binding === null ? 0 : (binding.streamBaseState[binding.kLastWriteErr] ?? 0);
}
