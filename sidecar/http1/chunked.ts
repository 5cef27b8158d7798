import { Buffer } from 'node:buffer';
import { hexOctet, isTokenOctet, isValueOctet } from './characters.ts';
import { faults, type ProtocolFault } from './protocol-error.ts';

const cr = 0x0d;
const lf = 0x0a;
const semicolon = 0x3b;
const quote = 0x22;
const backslash = 0x5c;
/** A chunk's line with its extensions. */
const maxLineBytes = 1024;
/** All extensions of one message: they are read and dropped, so they must not be a way to send for nothing (CVE-2023-39326). */
const maxExtensionBytes = 16 * 1024;
/** Digits of a chunk size; 13 are within a safe integer. */
const maxSizeDigits = 13;

/**
 * Reads the line in front of a chunk (RFC 9112 7.1): its size, and its extensions, which are checked and dropped. The line may
 * come in pieces.
 */
export class ChunkLine {
  size = 0;
  fault: ProtocolFault | null = null;
  #kept: Buffer | null = null;
  #keptBytes = 0;
  #extensionBytes = 0;

  /** Takes octets from `from` on; returns where the rest starts behind the line, or -1 when it is not whole (or `fault`). */
  read(bytes: Buffer, from: number): number {
    const end = Math.min(bytes.length, from + maxLineBytes + 2 - this.#keptBytes);
    for (let at = from; at < end; at++) {
      const octet = bytes[at] ?? 0;
      const previous = at > from ? bytes[at - 1] : this.#kept?.[this.#keptBytes - 1];
      const isAfterCr = previous === cr && (at > from || this.#keptBytes > 0);
      if (octet === lf) return isAfterCr ? this.#finish(bytes, from, at - 1) : this.#refuse();
      if (isAfterCr) return this.#refuse();
    }
    if (end - from + this.#keptBytes >= maxLineBytes + 2) {
      this.fault = faults.chunkExtension;
      return -1;
    }
    this.#keep(bytes, from, end);
    return -1;
  }

  #finish(bytes: Buffer, from: number, end: number): number {
    if (this.#kept === null || this.#keptBytes === 0) {
      this.#parse(bytes, from, end);
    } else {
      this.#keep(bytes, from, Math.max(from, end));
      const isCrKept = end < from;
      this.#parse(this.#kept, 0, this.#keptBytes - (isCrKept ? 1 : 0));
      this.#keptBytes = 0;
    }
    return this.fault === null ? end + 2 : -1;
  }

  #parse(bytes: Buffer, start: number, end: number): void {
    let at = start;
    let size = 0;
    for (; at < end; at++) {
      const digit = hexOctet[bytes[at] ?? 0] ?? 0xff;
      if (digit === 0xff) break;
      if (at - start >= maxSizeDigits) {
        this.fault = faults.chunkSize;
        return;
      }
      size = size * 16 + digit;
    }
    this.size = size;
    if (at === start) this.fault = faults.chunkSize;
    else if (at < end) this.#checkExtensions(bytes, at, end);
  }

  #checkExtensions(bytes: Buffer, start: number, end: number): void {
    this.#extensionBytes += end - start;
    const isTooMuch = this.#extensionBytes > maxExtensionBytes;
    if (isTooMuch || !areExtensions(bytes, start, end)) this.fault = faults.chunkExtension;
  }

  #keep(bytes: Buffer, from: number, end: number): void {
    this.#kept ??= Buffer.allocUnsafe(maxLineBytes + 2);
    bytes.copy(this.#kept, this.#keptBytes, from, end);
    this.#keptBytes += end - from;
  }

  #refuse(): number {
    this.fault = faults.chunkSize;
    return -1;
  }
}

/** `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )` (RFC 9112 7.1.1). */
function areExtensions(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    at = skipBlanks(bytes, at, end);
    if (bytes[at] !== semicolon || at >= end) return false;
    at = skipBlanks(bytes, at + 1, end);
    const nameStart = at;
    at = skipToken(bytes, at, end);
    if (at === nameStart) return false;
    const behind = skipBlanks(bytes, at, end);
    if (behind >= end || bytes[behind] !== 0x3d) continue;
    at = skipBlanks(bytes, behind + 1, end);
    const valueStart = at;
    at = bytes[at] === quote ? skipQuoted(bytes, at, end) : skipToken(bytes, at, end);
    if (at === valueStart || at > end) return false;
  }
  return true;
}

function skipBlanks(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++;
  return at;
}

function skipToken(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isTokenOctet[bytes[at] ?? 0] === 1) at++;
  return at;
}

/** Behind the closing quote, or beyond `end` if there is none or a character is not allowed. */
function skipQuoted(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    const octet = bytes[at] ?? 0;
    if (isValueOctet[octet] === 0) return end + 1;
    if (octet === quote) return at + 1;
    if (octet === backslash) at++;
  }
  return end + 1;
}

/** The line in front of a chunk of this many octets (more than none: that would end the body). */
export function encodeChunkLine(size: number): Buffer {
  return Buffer.from(`${size.toString(16)}\r\n`, 'latin1');
}

/** What ends a chunk. */
export const chunkEnd: Buffer = Buffer.from('\r\n', 'latin1');

/** The last chunk and the end of a body without trailers. */
export const lastChunk: Buffer = Buffer.from('0\r\n\r\n', 'latin1');
