import type { Buffer } from 'node:buffer';
import { lowerOctet } from './characters.ts';

/** A power of two. */
const places = 1024;
/** Longer texts are made anew: the cache holds 64 KB at most. */
const maxLength = 64;

/**
 * The same few texts come with nearly every message: names, hosts, paths, media types. Each has a place by its length and four of its
 * octets, and comparing the octets with the text that stands there takes a third of the time that a new string does. What
 * another text took the place of is made anew. One a worker.
 */
const texts: string[] = Array.from({ length: places }, () => '');

/** The octets from `start` to `end` as text (latin1). Not for secrets, which would stay. */
export function textOf(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > maxLength) return bytes.toString('latin1', start, end);
  if (length === 0) return '';
  const place = placeOf(bytes, start, end);
  const known = texts[place] ?? '';
  if (known.length === length && isText(bytes, start, known)) return known;
  return (texts[place] = bytes.toString('latin1', start, end));
}

/** The same in lower case (ASCII only). */
export function lowerTextOf(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > maxLength) return bytes.toString('latin1', start, end).toLowerCase();
  if (length === 0) return '';
  const place = placeOf(bytes, start, end);
  const known = texts[place] ?? '';
  if (known.length === length && isLowerText(bytes, start, known)) return known;
  return (texts[place] = bytes.toString('latin1', start, end).toLowerCase());
}

/** The value of a field of this (lower-case) name as text; credentials are made anew each time, so that no copy stays. */
export function valueTextOf(name: string, bytes: Buffer, start: number, end: number): string {
  return isCredential(name) ? bytes.toString('latin1', start, end) : textOf(bytes, start, end);
}

/** Whether the field of this (lower-case) name lets its bearer in somewhere: no copy is to stay. */
export function isCredential(name: string): boolean {
  switch (name) {
    case 'authorization':
    case 'cookie':
    case 'proxy-authorization':
    case 'set-cookie':
      return true;
    default:
      return false;
  }
}

/** By letters whatever their case. */
function placeOf(bytes: Buffer, start: number, end: number): number {
  const length = end - start;
  const first = (bytes[start] ?? 0) & 0xdf;
  const second = (bytes[start + (length >> 2)] ?? 0) & 0xdf;
  const middle = (bytes[start + (length >> 1)] ?? 0) & 0xdf;
  const last = bytes[end - 1] ?? 0;
  return (length * 11 + first * 3 + second * 37 + middle * 7 + last * 5) & (places - 1);
}

function isText(bytes: Buffer, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

function isLowerText(bytes: Buffer, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (lowerOctet[bytes[start + i] ?? 0] !== text.charCodeAt(i)) return false;
  }
  return true;
}
