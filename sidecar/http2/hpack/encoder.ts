/**
 * From fields to the octets of a header block (RFC 7541).
 *
 *     HpackEncoder (representations, 6) -> EncoderTable (index of a field, or whether it enters) -> NameRecord, DynamicTable
 *          |
 *          +-> BlockWriter (integers and strings, 5) -> Huffman encoder
 *
 * Each connection owns one encoder and sends its blocks in the order in which they were made. The output buffer is shared by all of a
 * worker, since a block is begun and finished without yielding.
 */
import { BlockWriter, maxIntegerBytes, roomFor } from './block-writer.ts';
import { EncoderTable } from './encoder-table.ts';
import { shortSecretBytes } from './indexing.ts';
import type { NameRecord } from './name-record.ts';
import { defaultTableBytes } from './static-table.ts';

const writer = new BlockWriter();

/** Blocks of one kind begin alike, and mostly go on alike. */
export type BlockKind = 'head' | 'trailers';

/** The fields of the last block of one kind that had an index, by their place in it: a field that comes again in its place is not looked up. */
class LastFields {
  /** Of the table that the indices are of. */
  version = -1;
  names: string[] = [];
  values: string[] = [];
  indices: number[] = [];

  restart(version: number): void {
    this.version = version;
    this.names = [];
    this.values = [];
    this.indices = [];
  }

  /** `index`: 0 for a field without, of which nothing is kept. */
  note(place: number, name: string, value: string, index: number): void {
    this.names[place] = index === 0 ? '' : name;
    this.values[place] = index === 0 ? '' : value;
    this.indices[place] = index;
  }
}

export class HpackEncoder {
  readonly #maxTableBytes: number;
  readonly #table = new EncoderTable(defaultTableBytes);
  /** What the table is to become with the next block. */
  #nextTableBytes: number;
  /** The smallest that it was to become since the last block. */
  #leastTableBytes: number;
  #block = 0;
  readonly #lastHead = new LastFields();
  readonly #lastTrailers = new LastFields();
  #lastFields = this.#lastHead;
  #place = 0;

  /** `maxTableBytes`: how much of the table we use at most, whatever the peer allows (default 4096). */
  constructor(options: Readonly<{ maxTableBytes?: number }> = {}) {
    this.#maxTableBytes = options.maxTableBytes ?? defaultTableBytes;
    this.#nextTableBytes = Math.min(this.#maxTableBytes, defaultTableBytes);
    this.#leastTableBytes = this.#nextTableBytes;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; the size updates this calls for (RFC 7541 4.2, also the minimum in between) lead the next block. */
  setPeerTableSize(bytes: number): void {
    this.#nextTableBytes = Math.min(this.#maxTableBytes, bytes);
    this.#leastTableBytes = Math.min(this.#leastTableBytes, this.#nextTableBytes);
  }

  /** Starts a block in the shared output buffer. */
  begin(kind: BlockKind = 'head'): void {
    this.#block = writer.begin();
    this.#place = 0;
    this.#lastFields = kind === 'trailers' ? this.#lastTrailers : this.#lastHead;
    if (this.#leastTableBytes < this.#table.maxBytes && this.#leastTableBytes < this.#nextTableBytes) {
      this.#resize(this.#leastTableBytes);
    }
    if (this.#nextTableBytes !== this.#table.maxBytes) this.#resize(this.#nextTableBytes);
    this.#leastTableBytes = this.#nextTableBytes;
    const { version } = this.#table;
    if (this.#lastFields.version !== version) this.#lastFields.restart(version);
  }

  /**
   * Adds a field; the name must be lower case already. Strings are byte strings (latin1); an octet above 0xff is a programming error
   * (assert). `isSensitive`: never indexed literal (RFC 7541 6.2.3, 7.1.3), which credentials are anyway.
   */
  field(name: string, value: string, isSensitive = false): void {
    writer.reserve(maxIntegerBytes + roomFor(name.length) + roomFor(value.length));
    const last = this.#lastFields;
    const place = this.#place++;
    const index = last.values[place] === value && last.names[place] === name ? (last.indices[place] ?? 0) : 0;
    if (index > 0 && !isSensitive && last.version === this.#table.version) writer.integer(0x80, 0x7f, index);
    else last.note(place, name, value, this.#represent(name, value, isSensitive));
  }

  /** The index that the field had, or 0. */
  #represent(name: string, value: string, isSensitive: boolean): number {
    const record = this.#table.recordOf(name);
    if (isSensitive || isSecret(record, value)) {
      this.#literal(0x10, 0x0f, record, value);
      return 0;
    }
    const index = this.#table.indexOf(record, value);
    if (index > 0) writer.integer(0x80, 0x7f, index);
    else if (this.#table.admits(record, value)) {
      this.#literal(0x40, 0x3f, record, value);
      this.#table.insert(record, value);
    } else this.#literal(0x00, 0x0f, record, value);
    return index;
  }

  /** The block; a view that is valid until the next `begin` of any encoder (copy it or write it out before). */
  finish(): Buffer {
    return writer.finish(this.#block);
  }

  #literal(pattern: number, mask: number, record: NameRecord, value: string): void {
    const index = this.#table.nameIndexOf(record);
    writer.integer(pattern, mask, index);
    if (index === 0) writer.text(record.name);
    // What does not enter the table comes anew with each message (ids, trace context): its octets are cheaper than their coding.
    if (pattern === 0x40) writer.text(value);
    else writer.raw(value);
  }

  #resize(bytes: number): void {
    writer.integer(0x20, 0x1f, bytes);
    this.#table.resize(bytes);
  }
}

function isSecret(record: NameRecord, value: string): boolean {
  return record.indexing === 'never' || (record.indexing === 'unlessShort' && value.length < shortSecretBytes);
}
