import { Buffer } from 'node:buffer';

/** What a TLS client says first. */
export type ClientHello = Readonly<{ kind: 'tls'; serverName: string; alpn: readonly string[] }>;

/** `more`: all so far is well-formed, but there must be more. `other`: this is no ClientHello. */
export type ClientHelloResult = ClientHello | Readonly<{ kind: 'more' | 'other' }>;

const more = { kind: 'more' } as const;
const other = { kind: 'other' } as const;

const handshakeRecord = 22;
const clientHelloMessage = 1;
const serverNameExtension = 0;
const alpnExtension = 16;
/** RFC 8446 section 5.1: a record holds at most 2^14 bytes. */
const maxRecord = 16_384;
/** Longer ones are nobody's: post-quantum key shares make them some 2 KB. */
const maxMessage = 65_536;

/**
 * Reads the ClientHello at the beginning of a connection, which may stretch over several records, with every length checked against
 * its enclosing one. It only looks for the server name and the protocols; whether the rest makes sense is OpenSSL's to say.
 */
export function readClientHello(bytes: Buffer): ClientHelloResult {
  const message = joinRecords(bytes);
  if (!Buffer.isBuffer(message)) return message;
  const type = message[0];
  if (type === undefined) return more;
  if (type !== clientHelloMessage) return other;
  if (message.length < 4) return more;
  const length = message.readUIntBE(1, 3);
  if (length > maxMessage) return other;
  if (message.length < 4 + length) return isStillGood(bytes) ? more : other;
  return readBody(message.subarray(4, 4 + length));
}

/** The payload of the handshake records so far. */
function joinRecords(bytes: Buffer): Buffer | typeof more | typeof other {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== handshakeRecord) return at === 0 ? other : endOf(parts);
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return at === 0 ? other : endOf(parts);
    if (at + 5 > bytes.length) break;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > maxRecord) return other;
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return endOf(parts);
}

function endOf(parts: readonly Buffer[]): Buffer | typeof more {
  const [first] = parts;
  if (first === undefined) return more;
  return parts.length === 1 ? first : Buffer.concat(parts);
}

/** Whether a message that is not whole yet can still become so: nothing but handshake records may follow. */
function isStillGood(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== handshakeRecord) return false;
    if (at + 5 > bytes.length) return true;
    at += 5 + bytes.readUInt16BE(at + 3);
  }
  return true;
}

/** Takes lengths and what they span from a buffer; out of bounds is remembered, and reads empty from then on. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;
  isBroken = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.isBroken || this.#at === this.#bytes.length;
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) this.isBroken = true;
    if (this.isBroken) return Buffer.alloc(0);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number(size: 1 | 2): number {
    const bytes = this.take(size);
    return bytes.length === size ? bytes.readUIntBE(0, size) : 0;
  }

  /** A vector with a length of so many bytes in front. */
  vector(size: 1 | 2): Buffer {
    return this.take(this.number(size));
  }
}

function readBody(body: Buffer): ClientHelloResult {
  const cursor = new Cursor(body);
  cursor.take(2 + 32);
  cursor.vector(1);
  cursor.vector(2);
  cursor.vector(1);
  if (cursor.isBroken) return other;
  if (cursor.isAtEnd) return { kind: 'tls', serverName: '', alpn: [] };
  const extensions = new Cursor(cursor.vector(2));
  if (cursor.isBroken || !cursor.isAtEnd) return other;
  let serverName: string | null = '';
  let alpn: string[] | null = [];
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const content = extensions.vector(2);
    if (type === serverNameExtension) serverName = readServerName(content);
    else if (type === alpnExtension) alpn = readAlpn(content);
  }
  if (extensions.isBroken || serverName === null || alpn === null) return other;
  return { kind: 'tls', serverName, alpn };
}

/** RFC 6066 section 3: a list with one host name. */
function readServerName(content: Buffer): string | null {
  const outer = new Cursor(content);
  const list = new Cursor(outer.vector(2));
  if (outer.isBroken || !outer.isAtEnd) return null;
  const type = list.number(1);
  const name = list.vector(2);
  if (list.isBroken || type !== 0 || name.length === 0) return null;
  const text = name.toString('latin1');
  // Host names are ASCII; anything else would be compared with nothing.
  return /^[\x21-\x7e]+$/.test(text) ? text.toLowerCase() : null;
}

/** RFC 7301 section 3.1. */
function readAlpn(content: Buffer): string[] | null {
  const outer = new Cursor(content);
  const list = new Cursor(outer.vector(2));
  if (outer.isBroken || !outer.isAtEnd) return null;
  const protocols: string[] = [];
  while (!list.isAtEnd) {
    const name = list.vector(1);
    if (list.isBroken || name.length === 0) return null;
    protocols.push(name.toString('latin1'));
  }
  return protocols;
}
