import { Buffer } from 'node:buffer';
import assert from 'node:assert/strict';
import { PrefixViews } from '#shared/runtime/prefix-views.ts';
import { encodeHuffman, huffmanBytes, maxOctetsPerCharacter } from './huffman-encoder.ts';

const firstBytes = 4096;
/** A buffer that a huge block made larger is given back. */
const maxKeptBytes = 64 * 1024;
/** Strings up to this length are shorter than 127 octets in Huffman code, if they are written so: their length takes one octet. */
const maxShortLength = 0x7f;
/** Octets of an integer below 2^31, whatever its prefix. */
export const maxIntegerBytes = 6;

/** Writes the primitives of a header block (RFC 7541 5) into memory that the next block takes again. */
export class BlockWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(firstBytes);
  #views = new PrefixViews(this.#bytes);
  #at = 0;
  #block = 0;

  /** Starts a block; returns its number. */
  begin(): number {
    this.#at = 0;
    if (this.#bytes.length > maxKeptBytes) this.#use(Buffer.allocUnsafeSlow(firstBytes));
    return ++this.#block;
  }

  /** The block of this number; valid until the next `begin`. */
  finish(block: number): Buffer {
    assert(block === this.#block, 'another header block was begun before this one was finished');
    return this.#views.take(this.#at);
  }

  /** Makes room for what is written next: at most `bytes`. */
  reserve(bytes: number): void {
    if (this.#at + bytes > this.#bytes.length) this.#grow(this.#at + bytes);
  }

  /** Writes an integer (5.1) behind the bits of `pattern`; `mask` has the bits of its prefix. Below 2^31, so at most `maxIntegerBytes`. */
  integer(pattern: number, mask: number, value: number): void {
    if (value < mask) {
      this.#bytes[this.#at++] = pattern | value;
      return;
    }
    this.#bytes[this.#at++] = pattern | mask;
    let rest = value - mask;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  /** Writes a string (5.2), in Huffman code if that is shorter; takes {@link roomFor} at most. Asserts that it is latin1. */
  text(text: string): void {
    if (text.length <= maxShortLength) this.#short(text);
    else this.#long(text);
  }

  /** In one pass, since the place of the code is known beforehand. */
  #short(text: string): void {
    const start = this.#at + 1;
    const end = assertLatin1(encodeHuffman(text, this.#bytes, start));
    if (end - start >= text.length) {
      this.raw(text);
      return;
    }
    this.#bytes[this.#at] = 0x80 | (end - start);
    this.#at = end;
  }

  #long(text: string): void {
    const coded = assertLatin1(huffmanBytes(text));
    if (coded >= text.length) {
      this.raw(text);
      return;
    }
    this.integer(0x80, 0x7f, coded);
    this.#at = encodeHuffman(text, this.#bytes, this.#at);
  }

  /** Writes a string as it is; takes {@link roomFor} at most. Asserts that it is latin1. */
  raw(text: string): void {
    this.integer(0x00, 0x7f, text.length);
    const bytes = this.#bytes;
    let at = this.#at;
    let all = 0;
    for (let i = 0; i < text.length; i++) {
      const octet = text.charCodeAt(i);
      all |= octet;
      bytes[at++] = octet;
    }
    this.#at = at;
    assertLatin1(all > 0xff ? -1 : all);
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#use(larger);
  }

  #use(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#views = new PrefixViews(bytes);
  }
}

/** Octets that a string of this length is written with at most, some of them only while it is tried. */
export function roomFor(length: number): number {
  return maxIntegerBytes + (length > maxShortLength ? length : length * maxOctetsPerCharacter);
}

/** The text is not shown: it may be a secret. */
function assertLatin1(result: number): number {
  assert(result >= 0, 'not a byte string: it has a character above U+00FF');
  return result;
}
