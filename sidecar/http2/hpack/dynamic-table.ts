import { entryOverheadBytes, type Field } from './static-table.ts';

/** Room at first; it doubles as needed, up to a place for every 32 octets of the table. */
const firstRoom = 16;

/** What is told of an entry that leaves the table; `number` counts the entries from 1, in the order in which they came. */
export type EvictionListener<E extends Field> = (entry: E, number: number) => void;

/** The dynamic table of one direction of a connection (RFC 7541 2.3.2, 4): a queue of entries, bounded by their octets. */
export class DynamicTable<E extends Field> {
  /** Maximum size, in octets as RFC 7541 4.1 counts them. */
  maxBytes: number;
  /** Number of entries. */
  count = 0;
  /** Number of entries that ever came: also the number of the newest. */
  inserted = 0;
  /** Grows with each change, also of the size: an index means the same as long as this is the same. */
  version = 0;

  readonly #onEvict: EvictionListener<E> | null;
  #bytes = 0;
  /** A ring: entry `number` is at `number & (length - 1)`. */
  #ring: (E | undefined)[];

  constructor(maxBytes: number, onEvict: EvictionListener<E> | null = null) {
    this.maxBytes = maxBytes;
    this.#onEvict = onEvict;
    this.#ring = Array.from({ length: firstRoom });
  }

  /** Octets in use. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The entry at `position`, 1 being the newest; undefined if there is none. */
  at(position: number): E | undefined {
    if (position > this.count) return undefined;
    return this.#ring[(this.inserted - position + 1) & (this.#ring.length - 1)];
  }

  /** Adds an entry at the front, evicting from the end what has no room beside it. One that is too large leaves the table empty (4.4). */
  insert(entry: E): void {
    const bytes = bytesOf(entry);
    this.version++;
    this.#evictDownTo(this.maxBytes - bytes);
    if (bytes > this.maxBytes) return;
    if (this.count === this.#ring.length) this.#grow();
    this.inserted++;
    this.count++;
    this.#bytes += bytes;
    this.#ring[this.inserted & (this.#ring.length - 1)] = entry;
  }

  /** Sets the maximum size, evicting what is above it (4.3). */
  resize(maxBytes: number): void {
    this.version++;
    this.maxBytes = maxBytes;
    this.#evictDownTo(maxBytes);
  }

  #evictDownTo(bytes: number): void {
    while (this.#bytes > bytes && this.count > 0) {
      const number = this.inserted - this.count + 1;
      const slot = number & (this.#ring.length - 1);
      const entry = this.#ring[slot];
      this.#ring[slot] = undefined;
      this.count--;
      if (entry === undefined) continue;
      this.#bytes -= bytesOf(entry);
      this.#onEvict?.(entry, number);
    }
  }

  #grow(): void {
    const ring: (E | undefined)[] = Array.from({ length: this.#ring.length * 2 });
    for (let position = 1; position <= this.count; position++) {
      ring[(this.inserted - position + 1) & (ring.length - 1)] = this.at(position);
    }
    this.#ring = ring;
  }
}

function bytesOf(entry: Field): number {
  return entry.name.length + entry.value.length + entryOverheadBytes;
}
