import { Buffer } from 'node:buffer';
import { equalsIgnoringCase } from './characters.ts';
import type { AddedLines } from './added-lines.ts';
import type { ByteWriter } from './byte-writer.ts';
import {
  bitOf,
  bitsOfReceived,
  findReceived,
  encodeReceived,
  receivedHasPrefix,
  removed,
  lineWidth as width,
} from './received-lines.ts';
import { lowerTextOf, valueTextOf } from './text-cache.ts';

const noBytes = Buffer.alloc(0);
const noLines: number[] = [];
const noTexts: string[] = [];

/** Texts of the lines that a proxy adds to a message: growing an array copies it. */
const roomForAdded = 12;
/** Arrays are cut from it: that is one copy, and their kind does not change when they are filled. */
const blankTexts = Array.from({ length: roomForAdded }, () => '');
/** Where the lines of a map are put together that has received ones. */
const gatheredTexts: string[] = [];

/**
 * The fields of one message, in order, with duplicates. Names are lower case in this interface; on the wire a line that nobody
 * changed keeps its spelling. Values are byte strings: one character per octet (latin1), never above U+00FF.
 *
 * Lines that were received in HTTP/1.1 stay bytes: a line is four offsets into the (copied) head, values become strings when asked
 * for, and {@link HeaderMap.encode} copies untouched stretches at once. A value that was changed is text: its start is then
 * `~index` into a list. All other lines, those of HTTP/2 and those that are added, are two texts each, behind the received ones.
 */
export class HeaderMap {
  readonly #bytes: Buffer;
  readonly #lines: number[];
  /** Changed values of received lines. */
  #changed: string[] | null = null;
  /** Name and value in turns; only those before `#addedEnd` count: the rest is room. */
  #added: string[] = noTexts;
  #addedEnd = 0;
  #size: number;
  /** A bit for each name that is or was there: most of those that are asked for never were. */
  #names: number;
  /** Names of lines that came by HTTP/2 as never to be indexed, and must go on as such (RFC 7541 7.1.3); null: none. */
  sensitive: ReadonlySet<string> | null = null;

  /**
   * An empty map, or one over received lines: `lines` holds name start, name end, value start and value end of each, and belongs to
   * the map from then on, as do the bytes, which end each line by CRLF.
   */
  constructor(bytes: Buffer = noBytes, lines: number[] = noLines) {
    this.#bytes = bytes;
    this.#lines = lines;
    this.#size = lines.length / width;
    this.#names = bitsOfReceived(bytes, lines);
  }

  /** A map of these lines; names in any case. */
  static from(pairs: Iterable<readonly [string, string]>): HeaderMap {
    const map = new HeaderMap();
    for (const [name, value] of pairs) map.add(name.toLowerCase(), value);
    return map;
  }

  /** A map of the first `length` of these names (in lower case) and values, which stand in turns. */
  static ofTexts(texts: readonly string[], length: number): HeaderMap {
    const end = 2 * length;
    const added = texts.slice(0, end + roomForAdded);
    const map = new HeaderMap();
    let names = 0;
    for (let at = 0; at < end; at += 2) names |= bitOf(added[at] ?? '');
    // What stood behind is not ours.
    for (let at = end; at < added.length; at++) added[at] = '';
    for (let at = added.length; at < end + roomForAdded; at++) added.push('');
    map.#added = added;
    map.#names = names;
    map.#addedEnd = end;
    map.#size = length;
    return map;
  }

  /** Number of field lines. */
  get size(): number {
    return this.#size;
  }

  /** Value of the first line of this (lower-case) name. */
  get(name: string): string | undefined {
    if (this.#lacks(name)) return undefined;
    const at = findReceived(this.#bytes, this.#lines, name, 0);
    if (at >= 0) return this.#valueAt(at, name);
    const added = this.#findAdded(name, 0);
    return added < 0 ? undefined : this.#added[added + 1];
  }

  /** Values of all lines joined by `,` (as Envoy compares repeated headers), or undefined. */
  getJoined(name: string): string | undefined {
    let at = findReceived(this.#bytes, this.#lines, name, 0);
    let added = this.#findAdded(name, 0);
    if (at < 0 && added < 0) return undefined;
    const values: string[] = [];
    for (; at >= 0; at = findReceived(this.#bytes, this.#lines, name, at + width)) values.push(this.#valueAt(at, name));
    for (; added >= 0; added = this.#findAdded(name, added + 2)) values.push(this.#added[added + 1] ?? '');
    return values.join(',');
  }

  has(name: string): boolean {
    if (this.#lacks(name)) return false;
    return findReceived(this.#bytes, this.#lines, name, 0) >= 0 || this.#findAdded(name, 0) >= 0;
  }

  /** Whether the name of some line starts with `prefix` (in lower case). One pass, where many names would need one each. */
  hasPrefix(prefix: string): boolean {
    if (receivedHasPrefix(this.#bytes, this.#lines, prefix)) return true;
    const added = this.#added;
    const first = prefix.charCodeAt(0);
    for (let at = 0; at < this.#addedEnd; at += 2) {
      const name = added[at] ?? '';
      if (name.charCodeAt(0) === first && name.startsWith(prefix)) return true;
    }
    return false;
  }

  /** Whether there is just one line of this name, and it says `value` (in lower case, whatever its own). Makes no string. */
  says(name: string, value: string): boolean {
    const at = findReceived(this.#bytes, this.#lines, name, 0);
    const added = this.#findAdded(name, 0);
    if (at < 0) return added >= 0 && this.#added[added + 1] === value && this.#findAdded(name, added + 2) < 0;
    if (added >= 0 || findReceived(this.#bytes, this.#lines, name, at + width) >= 0) return false;
    const start = this.#lines[at + 2] ?? 0;
    const end = this.#lines[at + 3] ?? 0;
    return start < 0 ? this.#changed?.[~start] === value : equalsIgnoringCase(this.#bytes, start, end, value);
  }

  /** Replaces all lines of this name by one, in the place of the first, at the end if there was none. */
  set(name: string, value: string): void {
    if (this.#lacks(name)) return this.add(name, value);
    const at = findReceived(this.#bytes, this.#lines, name, 0);
    if (at >= 0) {
      const changed = (this.#changed ??= []);
      this.#lines[at + 2] = ~changed.length;
      this.#lines[at + 3] = 0;
      changed.push(value);
      this.#removeReceived(name, at + width);
      this.#removeAdded(name, 0);
      return;
    }
    const added = this.#findAdded(name, 0);
    if (added < 0) return this.add(name, value);
    this.#added[added + 1] = value;
    this.#removeAdded(name, added + 2);
  }

  /** Adds a line. */
  add(name: string, value: string): void {
    if (this.#added === noTexts) this.#added = blankTexts.slice(0, roomForAdded);
    this.#added[this.#addedEnd] = name;
    this.#added[this.#addedEnd + 1] = value;
    this.#addedEnd += 2;
    this.#size++;
    this.#names |= bitOf(name);
  }

  /** Removes all lines of this name; whether there was one. */
  remove(name: string): boolean {
    if (this.#lacks(name)) return false;
    const wasReceived = this.#removeReceived(name, 0);
    return this.#removeAdded(name, 0) || wasReceived;
  }

  /** Lines in order; names in lower case. */
  forEach(visit: (name: string, value: string) => void): void {
    const texts = this.texts().slice(0, 2 * this.#size);
    for (let at = 0; at < texts.length; at += 2) visit(texts[at] ?? '', texts[at + 1] ?? '');
  }

  /** The lines in order, name and value in turns; the first `2 * size` count. To be read at once: the array is used again. */
  texts(): readonly string[] {
    if (this.#lines.length === 0) return this.#added;
    let to = 0;
    for (let at = 0; at < this.#lines.length; at += width) {
      if (this.#lines[at + 1] === removed) continue;
      const name = lowerTextOf(this.#bytes, this.#lines[at] ?? 0, this.#lines[at + 1] ?? 0);
      gatheredTexts[to++] = name;
      gatheredTexts[to++] = this.#valueAt(at, name);
    }
    for (let at = 0; at < this.#addedEnd; at++) gatheredTexts[to++] = this.#added[at] ?? '';
    return gatheredTexts;
  }

  /** Lines as pairs, for tests and mirrors. */
  entries(): [string, string][] {
    const pairs: [string, string][] = [];
    this.forEach((...pair) => pairs.push(pair));
    return pairs;
  }

  /** An independent copy; the received bytes, which never change, are shared. */
  clone(): HeaderMap {
    const copy = new HeaderMap(this.#bytes, this.#lines.slice());
    copy.#added = this.#added.slice();
    copy.#names = this.#names;
    copy.#changed = this.#changed?.slice() ?? null;
    copy.#addedEnd = this.#addedEnd;
    copy.#size = this.#size;
    copy.sensitive = this.sensitive;
    return copy;
  }

  /** An upper bound of the octets that {@link encode} writes. */
  get maxEncodedBytes(): number {
    const added = this.#added;
    let bytes = this.#bytes.length + this.#lines.length + 2 * this.#addedEnd;
    if (this.#changed !== null) for (const value of this.#changed) bytes += value.length;
    for (let at = 0; at < this.#addedEnd; at++) bytes += (added[at] ?? '').length;
    return bytes;
  }

  /**
   * Writes each line as `name: value CRLF`; `added` writes those that are text. Fields that frame the message or belong to one connection
   * only are left out. Asserts that no changed part can split the message.
   */
  encode(writer: ByteWriter, added: AddedLines): void {
    encodeReceived(writer, this.#bytes, this.#lines, this.#changed);
    added.write(writer, this.#added, this.#addedEnd);
  }

  #lacks(name: string): boolean {
    return (this.#names & bitOf(name)) === 0;
  }

  /** Where the first line of this name is among the others, at or after `from`, or -1. */
  #findAdded(name: string, from: number): number {
    const added = this.#added;
    for (let at = from; at < this.#addedEnd; at += 2) if (added[at] === name) return at;
    return -1;
  }

  #removeReceived(name: string, from: number): boolean {
    let wasThere = false;
    for (
      let at = findReceived(this.#bytes, this.#lines, name, from);
      at >= 0;
      at = findReceived(this.#bytes, this.#lines, name, at + width)
    ) {
      this.#lines[at + 1] = removed;
      this.#size--;
      wasThere = true;
    }
    return wasThere;
  }

  #removeAdded(name: string, from: number): boolean {
    let at = this.#findAdded(name, from);
    if (at < 0) return false;
    for (; at >= 0; at = this.#findAdded(name, at)) {
      this.#added.copyWithin(at, at + 2, this.#addedEnd);
      this.#addedEnd -= 2;
      this.#size--;
    }
    return true;
  }

  #valueAt(at: number, name: string): string {
    const start = this.#lines[at + 2] ?? 0;
    if (start < 0) return this.#changed?.[~start] ?? '';
    return valueTextOf(name, this.#bytes, start, this.#lines[at + 3] ?? 0);
  }
}
