/** Received field lines as numbers over the octets of their head: name start, name end, value start, value end of each. */
import type { Buffer } from 'node:buffer';
import assert from 'node:assert/strict';
import type { ByteWriter } from './byte-writer.ts';
import { equalsIgnoringCase, isValueOctet, lowerOctet } from './characters.ts';
import { lowerTextOf } from './text-cache.ts';

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

/**
 * Writes each line as `name: value CRLF`. A value that was changed starts at `~index` into `changed`. Stretches of lines that are on the
 * wire as we would write them are copied as they are.
 */
export function encodeReceived(
  writer: ByteWriter,
  bytes: Buffer,
  lines: readonly number[],
  changed: readonly string[] | null,
): void {
  let runStart = 0;
  let runEnd = 0;
  for (let at = 0; at < lines.length; at += lineWidth) {
    if (lines[at + 1] === removed) continue;
    if (isCanonical(bytes, lines, at)) {
      if (lines[at] !== runEnd || runEnd === 0) {
        if (runEnd > runStart) writer.bytes(bytes, runStart, runEnd);
        runStart = lines[at] ?? 0;
      }
      runEnd = (lines[at + 3] ?? 0) + 2;
      continue;
    }
    if (runEnd > runStart) writer.bytes(bytes, runStart, runEnd);
    runStart = 0;
    runEnd = 0;
    writer.bytes(bytes, lines[at] ?? 0, lines[at + 1] ?? 0);
    writer.octets(0x3a, 0x20);
    const start = lines[at + 2] ?? 0;
    if (start >= 0) writer.bytes(bytes, start, lines[at + 3] ?? 0);
    else if (!writer.text(changed?.[~start] ?? '', isValueOctet))
      refuseValue(lowerTextOf(bytes, lines[at] ?? 0, lines[at + 1] ?? 0), changed?.[~start] ?? '');
    writer.octets(0x0d, 0x0a);
  }
  if (runEnd > runStart) writer.bytes(bytes, runStart, runEnd);
}

/** A value that would split the message. Not an `assert` with a message: that would be made for every line. */
export function refuseValue(name: string, value: string): never {
  assert.fail(`not a field value: ${JSON.stringify(value)} of ${name}`);
}

function isCanonical(bytes: Uint8Array, lines: readonly number[], at: number): boolean {
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
