import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Clock } from '#shared/runtime/clock.ts';
import { readClientHello, type ClientHello } from './client-hello.ts';

/** What the first bytes of a connection are. */
export type Protocol =
  | ClientHello
  /** The preface of HTTP/2 (RFC 9113 section 3.4). */
  | Readonly<{ kind: 'http2' }>
  | Readonly<{ kind: 'http1'; version: '1.0' | '1.1' }>
  | Readonly<{ kind: 'other' }>;

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const other = { kind: 'other' } as const;
const more = { kind: 'more' } as const;
const carriageReturn = 13;
const lineFeed = 10;
const space = 32;
/** Methods that are longer are nobody's. */
const maxMethod = 32;
/** Empty lines that may stand before a request (RFC 9112 section 2.2), in bytes. */
const maxEmptyLines = 4;

/** What is looked for. What is not is `other`, and known to be so with the first byte that rules the rest out. */
export type Sought = Readonly<{ tls: boolean; http: boolean }>;

const both: Sought = { tls: true, http: true };

/** What these first bytes are, or that it takes more of them to know. */
export function classify(bytes: Buffer, sought: Sought = both): Protocol | typeof more {
  if (bytes.length === 0) return more;
  const hello = sought.tls ? readClientHello(bytes) : other;
  if (hello.kind !== 'other') return hello;
  if (!sought.http) return other;
  const shared = Math.min(bytes.length, preface.length);
  if (bytes.compare(preface, 0, shared, 0, shared) === 0) return shared === preface.length ? { kind: 'http2' } : more;
  return classifyRequestLine(bytes);
}

/** A token, a space, something, a space and `HTTP/1.0` or `HTTP/1.1`: only the end of the line tells it from other protocols. */
function classifyRequestLine(bytes: Buffer): Protocol | typeof more {
  let at = 0;
  while (at < maxEmptyLines && (bytes[at] === carriageReturn || bytes[at] === lineFeed)) at++;
  const start = at;
  while (at < bytes.length && isTokenByte(bytes[at] ?? 0)) at++;
  if (at - start > maxMethod) return other;
  if (at === bytes.length) return more;
  if (at === start || bytes[at] !== space) return other;
  const end = bytes.indexOf(lineFeed, at);
  const line = bytes.subarray(at, end < 0 ? bytes.length : end);
  for (const byte of line) if (byte < space && byte !== carriageReturn) return other;
  if (end < 0) return more;
  const text = (line.at(-1) === carriageReturn ? line.subarray(0, -1) : line).toString('latin1');
  if (text.length < 11) return other;
  if (text.endsWith(' HTTP/1.1')) return { kind: 'http1', version: '1.1' };
  return text.endsWith(' HTTP/1.0') ? { kind: 'http1', version: '1.0' } : other;
}

/** RFC 9110 section 5.6.2. */
function isTokenByte(byte: number): boolean {
  if ((byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90) || (byte >= 48 && byte <= 57)) return true;
  return byte > space && byte < 127 && "!#$%&'*+-.^_`|~".includes(String.fromCharCode(byte));
}

/** What a look at a connection came to. `timeout`: the client said nothing, or not enough, in time. `closed`: it is gone. */
export type Sniffed = Protocol | Readonly<{ kind: 'timeout' | 'closed' }>;

/** How long and how far to look; a time of 0 is for ever. */
export type SniffLimits = Readonly<{
  maxBytes: number;
  timeoutMs: number;
  clock: Clock;
  /** Absent: everything. */
  sought?: Sought | undefined;
}>;

/**
 * Looks at the first bytes of a paused socket and puts them back, so that whoever takes it next reads them again. Calls back once,
 * later than the call. Returns how to give up.
 */
export function sniff(socket: Socket, limits: SniffLimits, onSniffed: (result: Sniffed) => void): () => void {
  let seen: Buffer = Buffer.alloc(0);
  const finish = (result: Sniffed) => {
    stopTimer();
    socket.removeListener('readable', onReadable);
    socket.removeListener('end', onEnd);
    socket.removeListener('close', onClose);
    socket.removeListener('error', onClose);
    // Put back in one piece: TLS takes what is buffered when it wraps the socket.
    if (seen.length > 0 && !socket.destroyed) socket.unshift(seen);
    onSniffed(result);
  };
  const onReadable = () => {
    for (let bytes = readBytes(socket); bytes !== null; bytes = readBytes(socket)) seen = Buffer.concat([seen, bytes]);
    const result = classify(seen, limits.sought);
    if (result.kind !== 'more') finish(result);
    else if (seen.length >= limits.maxBytes) finish(other);
  };
  const onEnd = () => finish(seen.length === 0 ? { kind: 'closed' } : other);
  const onClose = () => finish({ kind: 'closed' });
  const stopTimer =
    limits.timeoutMs > 0 ? limits.clock.after(limits.timeoutMs, () => finish({ kind: 'timeout' })) : () => undefined;
  socket.on('readable', onReadable);
  socket.on('end', onEnd);
  socket.on('close', onClose);
  socket.on('error', onClose);
  return () => {
    stopTimer();
    socket.removeListener('readable', onReadable);
    socket.removeListener('end', onEnd);
    socket.removeListener('close', onClose);
    socket.removeListener('error', onClose);
  };
}

function readBytes(socket: Socket): Buffer | null {
  const bytes: unknown = socket.read();
  return Buffer.isBuffer(bytes) ? bytes : null;
}
