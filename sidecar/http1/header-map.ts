import { Buffer } from 'node:buffer';
import assert from 'node:assert/strict';
import { equalsIgnoringCase, isTokenOctet, isValueOctet } from './characters.ts';
import type { ByteWriter } from './byte-writer.ts';
import { connectionFields } from './connection-fields.ts';
import { lowerTextOf, valueTextOf } from './text-cache.ts';

const noBytes = Buffer.alloc(0);
/** Numbers kept per line: start and end of name and value. */
const width = 4;
/** Name end of a line that was removed. */
const removed = -1;

/** Numbers of the lines that a proxy adds to a message: growing an array copies it. */
const roomForAdded = 6 * width;
/** Numbers of lines whose names and values are the texts of a map, in turns; and room for these. */
const maxTextLines = 64;
const textLines = Array.from({ length: maxTextLines * width + roomForAdded }, (_, at) =>
  at % 2 === 0 ? ~(at / 2) : 0,
);
const blankTexts = Array.from({ length: maxTextLines * 2 + roomForAdded / 2 }, () => '');

/**
 * The fields of one message, in order, with duplicates. Names are lower case in this interface; on the wire a line that nobody
 * changed keeps its spelling. Values are byte strings: one character per octet (latin1), never above U+00FF.
 *
 * Received lines stay bytes: a line is four offsets into the (copied) head, values become strings when asked for, and
 * {@link HeaderMap.encode} copies untouched stretches at once. A changed part of a line is text: its offset is then `~index`
 * into a list of strings.
 */
export class HeaderMap {
  readonly #bytes: Buffer;
  /** Only the numbers before `#end` count: the rest is room for lines to be added. */
  readonly #lines: number[];
  #end: number;
  #texts: string[] | null;
  /** Those behind are room. */
  #textCount = 0;
  #size: number;
  /** Names of lines that came by HTTP/2 as never to be indexed, and must go on as such (RFC 7541 7.1.3); null: none. */
  sensitive: ReadonlySet<string> | null = null;

  /**
   * An empty map, or one over received lines: `lines` holds name start, name end, value start and value end of each in its first
   * `length` places, and belongs to the map from then on, as do the bytes, which end each line by CRLF.
   */
  constructor(bytes: Buffer = noBytes, lines: number[] = [], length = lines.length) {
    this.#bytes = bytes;
    this.#lines = lines;
    this.#end = length;
    this.#texts = null;
    this.#size = length / width;
  }

  /** A map of these lines; names in any case. */
  static from(pairs: Iterable<readonly [string, string]>): HeaderMap {
    const map = new HeaderMap();
    for (const [name, value] of pairs) map.add(name.toLowerCase(), value);
    return map;
  }

  /** A map of the first `length` of these names (in lower case) and values. */
  static ofTexts(names: readonly string[], values: readonly string[], length: number): HeaderMap {
    if (length > maxTextLines) return HeaderMap.from(names.slice(0, length).map((name, i) => [name, values[i] ?? '']));
    const map = new HeaderMap(noBytes, textLines.slice(0, length * width + roomForAdded), length * width);
    const texts = blankTexts.slice(0, length * 2 + roomForAdded / 2);
    for (let i = 0; i < length; i++) {
      texts[2 * i] = names[i] ?? '';
      texts[2 * i + 1] = values[i] ?? '';
    }
    map.#texts = texts;
    map.#textCount = length * 2;
    return map;
  }

  /** Number of field lines. */
  get size(): number {
    return this.#size;
  }

  /** Value of the first line of this (lower-case) name. */
  get(name: string): string | undefined {
    const at = this.#find(name, 0);
    return at < 0 ? undefined : this.#valueAt(at, name);
  }

  /** Values of all lines joined by `,` (as Envoy compares repeated headers), or undefined. */
  getJoined(name: string): string | undefined {
    let at = this.#find(name, 0);
    if (at < 0) return undefined;
    let joined = this.#valueAt(at, name);
    while ((at = this.#find(name, at + width)) >= 0) joined += `,${this.#valueAt(at, name)}`;
    return joined;
  }

  has(name: string): boolean {
    return this.#find(name, 0) >= 0;
  }

  /** Whether the name of some line starts with `prefix` (in lower case). One pass, where many names would need one each. */
  hasPrefix(prefix: string): boolean {
    const lines = this.#lines;
    const { length } = prefix;
    for (let at = 0; at < this.#end; at += width) {
      const start = lines[at] ?? 0;
      const end = lines[at + 1] ?? 0;
      if (end === removed) continue;
      if (start < 0) {
        if (this.#text(start).startsWith(prefix)) return true;
      } else if (end - start >= length && equalsIgnoringCase(this.#bytes, start, start + length, prefix)) return true;
    }
    return false;
  }

  /** Whether there is just one line of this name, and it says `value` (in lower case, whatever its own). Makes no string. */
  says(name: string, value: string): boolean {
    const at = this.#find(name, 0);
    if (at < 0 || this.#find(name, at + width) >= 0) return false;
    const start = this.#lines[at + 2] ?? 0;
    const end = this.#lines[at + 3] ?? 0;
    return start < 0 ? this.#text(start) === value : equalsIgnoringCase(this.#bytes, start, end, value);
  }

  /** Replaces all lines of this name by one, in the place of the first, at the end if there was none. */
  set(name: string, value: string): void {
    const at = this.#find(name, 0);
    if (at < 0) {
      this.add(name, value);
      return;
    }
    this.#lines[at + 2] = this.#textOf(value);
    this.#lines[at + 3] = 0;
    this.#removeFrom(name, at + width);
  }

  /** Adds a line. */
  add(name: string, value: string): void {
    const lines = this.#lines;
    const at = this.#end;
    lines[at] = this.#textOf(name);
    lines[at + 1] = 0;
    lines[at + 2] = this.#textOf(value);
    lines[at + 3] = 0;
    this.#end = at + width;
    this.#size++;
  }

  /** Removes all lines of this name; whether there was one. */
  remove(name: string): boolean {
    return this.#removeFrom(name, 0);
  }

  /** Lines in order; names in lower case. */
  forEach(visit: (name: string, value: string) => void): void {
    for (let at = 0; at < this.#end; at += width) {
      if (this.#lines[at + 1] === removed) continue;
      const name = this.#nameAt(at);
      visit(name, this.#valueAt(at, name));
    }
  }

  /** Lines as pairs, for tests and mirrors. */
  entries(): [string, string][] {
    const pairs: [string, string][] = [];
    this.forEach((name, value) => pairs.push([name, value]));
    return pairs;
  }

  /** An independent copy; the received bytes, which never change, are shared. */
  clone(): HeaderMap {
    const copy = new HeaderMap(this.#bytes, this.#lines.slice(), this.#end);
    copy.#texts = this.#texts === null ? null : this.#texts.slice();
    copy.#textCount = this.#textCount;
    copy.#size = this.#size;
    copy.sensitive = this.sensitive;
    return copy;
  }

  /** An upper bound of the octets that {@link encode} writes. */
  get maxEncodedBytes(): number {
    let bytes = this.#bytes.length + this.#end;
    if (this.#texts !== null) for (const text of this.#texts) bytes += text.length;
    return bytes;
  }

  /**
   * Writes each line as `name: value CRLF`. Fields that frame the message or belong to one connection only are left out when a
   * filter added them (received ones never get here): they are the head writer's own. Asserts that no changed part can split
   * the message.
   */
  encode(writer: ByteWriter): void {
    const lines = this.#lines;
    let runStart = 0;
    let runEnd = 0;
    for (let at = 0; at < this.#end; at += width) {
      if (lines[at + 1] === removed) continue;
      if (this.#isCanonical(at)) {
        if (lines[at] !== runEnd || runEnd === 0) {
          if (runEnd > runStart) writer.bytes(this.#bytes, runStart, runEnd);
          runStart = lines[at] ?? 0;
        }
        runEnd = (lines[at + 3] ?? 0) + 2;
        continue;
      }
      if (runEnd > runStart) writer.bytes(this.#bytes, runStart, runEnd);
      runEnd = 0;
      runStart = 0;
      this.#encodeLine(writer, at);
    }
    if (runEnd > runStart) writer.bytes(this.#bytes, runStart, runEnd);
  }

  /** Whether a line is on the wire as we would write it, so that its octets can be copied with its CRLF. */
  #isCanonical(at: number): boolean {
    const nameStart = this.#lines[at] ?? 0;
    const nameEnd = this.#lines[at + 1] ?? 0;
    const valueStart = this.#lines[at + 2] ?? 0;
    const valueEnd = this.#lines[at + 3] ?? 0;
    return (
      nameStart >= 0 &&
      valueStart === nameEnd + 2 &&
      this.#bytes[nameEnd + 1] === 0x20 &&
      this.#bytes[valueEnd] === 0x0d &&
      this.#bytes[valueEnd + 1] === 0x0a
    );
  }

  #encodeLine(writer: ByteWriter, at: number): void {
    const name = this.#lines[at] ?? 0;
    const value = this.#lines[at + 2] ?? 0;
    if (name < 0) {
      const text = this.#text(name);
      if (connectionFields.has(text)) return;
      if (text === '' || !writer.text(text, isTokenOctet)) assert.fail(`not a field name: ${JSON.stringify(text)}`);
    } else {
      writer.bytes(this.#bytes, name, this.#lines[at + 1] ?? 0);
    }
    writer.octets(0x3a, 0x20);
    if (value >= 0) writer.bytes(this.#bytes, value, this.#lines[at + 3] ?? 0);
    else if (!writer.text(this.#text(value), isValueOctet)) {
      assert.fail(`not a field value: ${JSON.stringify(this.#text(value))} of ${this.#nameAt(at)}`);
    }
    writer.octets(0x0d, 0x0a);
  }

  /** Index of the first line of this name at or after `from`, or -1. */
  #find(name: string, from: number): number {
    const lines = this.#lines;
    const bytes = this.#bytes;
    const { length } = name;
    for (let at = from; at < this.#end; at += width) {
      const start = lines[at] ?? 0;
      const end = lines[at + 1] ?? 0;
      if (start >= 0) {
        if (end - start === length && equalsIgnoringCase(bytes, start, end, name)) return at;
      } else if (end !== removed && this.#text(start) === name) {
        return at;
      }
    }
    return -1;
  }

  #removeFrom(name: string, from: number): boolean {
    let wasThere = false;
    for (let at = this.#find(name, from); at >= 0; at = this.#find(name, at + width)) {
      this.#lines[at + 1] = removed;
      this.#size--;
      wasThere = true;
    }
    return wasThere;
  }

  #nameAt(at: number): string {
    const start = this.#lines[at] ?? 0;
    if (start < 0) return this.#text(start);
    return lowerTextOf(this.#bytes, start, this.#lines[at + 1] ?? 0);
  }

  #valueAt(at: number, name: string): string {
    const start = this.#lines[at + 2] ?? 0;
    if (start < 0) return this.#text(start);
    return valueTextOf(name, this.#bytes, start, this.#lines[at + 3] ?? 0);
  }

  #text(offset: number): string {
    return this.#texts?.[~offset] ?? '';
  }

  /** Keeps a text; returns the offset that stands for it. */
  #textOf(text: string): number {
    (this.#texts ??= [])[this.#textCount] = text;
    return ~this.#textCount++;
  }
}
