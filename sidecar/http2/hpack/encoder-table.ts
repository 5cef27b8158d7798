import { DynamicTable } from './dynamic-table.ts';
import { NameRecord } from './name-record.ts';
import { entryOverheadBytes, staticCount, type Field } from './static-table.ts';

type Entry = Field & Readonly<{ record: NameRecord }>;

/**
 * Both tables as an encoder looks them up: by name, then by value, in constant time. One map with both as its key takes four times as
 * long, since the key is a new string each time, whose hash nobody knows yet: 550 instead of 120 ns for nine fields
 * (bench/micro/hpack.ts). Records of names that the static table lacks live as long
 * as an entry of theirs.
 */
export class EncoderTable {
  readonly #records = new Map<string, NameRecord>();
  readonly #table: DynamicTable<Entry>;

  constructor(maxBytes: number) {
    this.#table = new DynamicTable(maxBytes, (entry, number) => this.#forget(entry.record, entry.value, number));
  }

  /** Maximum size of the dynamic table, in octets. */
  get maxBytes(): number {
    return this.#table.maxBytes;
  }

  /** Grows with each change of the dynamic table: an index means the same as long as this is the same. */
  get version(): number {
    return this.#table.version;
  }

  resize(maxBytes: number): void {
    this.#table.resize(maxBytes);
  }

  /** What is known of a name. */
  recordOf(name: string): NameRecord {
    return this.#records.get(name) ?? this.#newRecord(name);
  }

  /** Index of a field, or 0. */
  indexOf(record: NameRecord, value: string): number {
    const index = record.staticValues === null ? undefined : record.staticValues.get(value);
    return index ?? this.#indexOfNumber(record.numberOf(value));
  }

  /** Index of an entry with this name, or 0. */
  nameIndexOf(record: NameRecord): number {
    return record.staticIndex > 0 ? record.staticIndex : this.#indexOfNumber(record.newest);
  }

  /** Whether a field that is not in the tables is to enter. */
  admits(record: NameRecord, value: string): boolean {
    const bytes = record.name.length + value.length + entryOverheadBytes;
    if (bytes * 4 > this.#table.maxBytes * 3) return false;
    switch (record.indexing) {
      case 'always':
      case 'unlessShort':
        return true;
      case 'repeated':
        return this.nameIndexOf(record) === 0 || record.repeats(value);
      case 'name':
        return this.nameIndexOf(record) === 0;
      case 'never':
        return false;
    }
  }

  /** Adds a field that has no index and was admitted. */
  insert(record: NameRecord, value: string): void {
    this.#table.insert({ name: record.name, value, record });
    record.add(value, this.#table.inserted);
    // It may have lost its last entry to this one.
    if (record.staticIndex === 0) this.#records.set(record.name, record);
  }

  #indexOfNumber(number: number): number {
    return number === 0 ? 0 : staticCount + this.#table.inserted - number + 1;
  }

  #newRecord(name: string): NameRecord {
    const record = new NameRecord(name);
    if (record.staticIndex > 0) this.#records.set(name, record);
    return record;
  }

  #forget(record: NameRecord, value: string, number: number): void {
    record.remove(value, number);
    if (record.newest === 0 && record.staticIndex === 0) this.#records.delete(record.name);
  }
}
