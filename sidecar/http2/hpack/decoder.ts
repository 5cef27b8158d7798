/**
 * From the octets of a header block to its fields (RFC 7541).
 *
 *     HpackDecoder (representations, 6) -> BlockReader (integers and strings, 5) -> Huffman decoder
 *          |
 *          +-> static table, DynamicTable (2.3)
 *
 * In: a whole block, its fragments joined. Out: fields, told to a sink one by one; or what is wrong, after which the connection
 * cannot go on, since the tables of both ends differ. Work and memory are bounded by the length of the block: a Huffman string grows by
 * 8/5 at most, and a field of a table costs the same whatever its size, since its strings are made once. What the fields add up
 * to is for the sink to limit: an octet may stand for a field of the size of the table.
 */
import { Buffer } from 'node:buffer';
import { BlockReader } from './block-reader.ts';
import { DynamicTable } from './dynamic-table.ts';
import { faults } from './faults.ts';
import { defaultTableBytes, entryOverheadBytes, staticCount, staticFields, type Entry } from './static-table.ts';

/** Who takes the fields of a header block. `value` and `name` are byte strings (latin1, one character per octet), names as on the wire. */
export interface FieldSink {
  /**
   * `isSensitive`: it came as never indexed, and whoever sends it on must do so too (RFC 7541 6.2.3, 7.1.3). `entry`: it came as this
   * entry of a table, which may come again; null: it came as a literal.
   */
  onField(name: string, value: string, isSensitive: boolean, entry: Entry | null): void;
}

/** Decodes the header blocks of one connection, all of them and in order. */
export class HpackDecoder {
  readonly #maxTableBytes: number;
  /** Starts at the default size whatever our setting is: a peer that does not know the setting yet uses that. */
  readonly #table = new DynamicTable<Entry>(defaultTableBytes);
  readonly #reader = new BlockReader();
  #listBytes = 0;

  /** `maxTableBytes`: our SETTINGS_HEADER_TABLE_SIZE (what the peer may use at most). */
  constructor(options: Readonly<{ maxTableBytes: number }>) {
    this.#maxTableBytes = options.maxTableBytes;
  }

  /** Size of the last block's header list as RFC 9113 6.5.2 counts it (name + value + 32 each). Grows while fields are told. */
  get listBytes(): number {
    return this.#listBytes;
  }

  /** Grows with each change of the table: a block means the same as long as this is the same. */
  get tableVersion(): number {
    return this.#table.version;
  }

  /**
   * Decodes one whole header block (all fragments joined), `bytes[start, end)`. Null if well formed, else what is wrong (a
   * connection error of type COMPRESSION_ERROR); the fields before it were told then. The bytes are not kept.
   */
  decode(bytes: Uint8Array, start: number, end: number, sink: FieldSink): string | null {
    this.#listBytes = 0;
    this.#reader.begin(toBuffer(bytes), start, end);
    let fault = this.#decodeUpdates();
    while (fault === null && !this.#reader.isAtEnd) fault = this.#decodeField(sink);
    this.#reader.finish();
    return fault;
  }

  /** Table size updates lead a block (4.2). */
  #decodeUpdates(): string | null {
    while (!this.#reader.isAtEnd && isUpdate(this.#reader.peek())) {
      const bytes = this.#reader.integer(0x1f);
      if (bytes < 0) return this.#reader.fault;
      if (bytes > this.#maxTableBytes) return faults.updateLarge;
      this.#table.resize(bytes);
    }
    return null;
  }

  #decodeField(sink: FieldSink): string | null {
    const octet = this.#reader.peek();
    if (octet >= 0x80) return this.#decodeIndexed(sink);
    if (isUpdate(octet)) return faults.updateLate;
    const isIndexing = octet >= 0x40;
    const index = this.#reader.integer(isIndexing ? 0x3f : 0x0f);
    if (index < 0) return this.#reader.fault;
    const known = this.#fieldAt(index);
    if (known === undefined && index > 0) return faults.indexUnknown;
    const name = known === undefined ? this.#reader.text() : known.name;
    if (name === null) return this.#reader.fault;
    const value = this.#reader.text();
    if (value === null) return this.#reader.fault;
    if (isIndexing) this.#table.insert({ name, value, note: 0 });
    this.#listBytes += name.length + value.length + entryOverheadBytes;
    sink.onField(name, value, !isIndexing && octet >= 0x10, null);
    return null;
  }

  #decodeIndexed(sink: FieldSink): string | null {
    const index = this.#reader.integer(0x7f);
    if (index < 0) return this.#reader.fault;
    const field = this.#fieldAt(index);
    if (field === undefined) return index === 0 ? faults.indexZero : faults.indexUnknown;
    const { name, value } = field;
    this.#listBytes += name.length + value.length + entryOverheadBytes;
    sink.onField(name, value, false, field);
    return null;
  }

  #fieldAt(index: number): Entry | undefined {
    return index <= staticCount ? staticFields[index] : this.#table.at(index - staticCount);
  }
}

function isUpdate(octet: number): boolean {
  return octet >= 0x20 && octet < 0x40;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
