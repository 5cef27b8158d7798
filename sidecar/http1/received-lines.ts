/** Received field lines as numbers over the octets of their head: name start, name end, value start, value end of each. */
import { equalsIgnoringCase, lowerOctet } from './characters.ts';

/** Numbers kept per line. */
export const lineWidth = 4;
/** Name end of a line that was removed. */
export const removed = -1;

/** Where the first line of this (lower-case) name is, at or after `from`, or -1. */
export function findReceived(bytes: Uint8Array, lines: readonly number[], name: string, from: number): number {
  const { length } = name;
  for (let at = from; at < lines.length; at += lineWidth) {
    const start = lines[at] ?? 0;
    const end = lines[at + 1] ?? 0;
    if (end - start === length && equalsIgnoringCase(bytes, start, end, name)) return at;
  }
  return -1;
}

/** Whether the name of some line starts with `prefix` (in lower case). */
export function receivedHasPrefix(bytes: Uint8Array, lines: readonly number[], prefix: string): boolean {
  const { length } = prefix;
  for (let at = 0; at < lines.length; at += lineWidth) {
    const start = lines[at] ?? 0;
    const end = lines[at + 1] ?? 0;
    if (end - start >= length && equalsIgnoringCase(bytes, start, start + length, prefix)) return true;
  }
  return false;
}

/** Whether a line is on the wire as we would write it, so that its octets can be copied with its CRLF. */
export function isCanonical(bytes: Uint8Array, lines: readonly number[], at: number): boolean {
  const nameEnd = lines[at + 1] ?? 0;
  const valueStart = lines[at + 2] ?? 0;
  const valueEnd = lines[at + 3] ?? 0;
  return (
    valueStart === nameEnd + 2 &&
    bytes[nameEnd + 1] === 0x20 &&
    bytes[valueEnd] === 0x0d &&
    bytes[valueEnd + 1] === 0x0a
  );
}

/** A bit that names of the same length and first letter share. Of a set of names, the bits tell of most others that they are not in it. */
export function bitOf(name: string): number {
  return bitOfParts(name.length, name.charCodeAt(0));
}

/** The bits of the names of lines. */
export function bitsOfReceived(bytes: Uint8Array, lines: readonly number[]): number {
  let bits = 0;
  for (let at = 0; at < lines.length; at += lineWidth) {
    const start = lines[at] ?? 0;
    bits |= bitOfParts((lines[at + 1] ?? 0) - start, lowerOctet[bytes[start] ?? 0] ?? 0);
  }
  return bits;
}

function bitOfParts(length: number, first: number): number {
  return 1 << (3 * length + first);
}
