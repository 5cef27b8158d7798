import { indexingOf, type Indexing } from './indexing.ts';
import { staticNames } from './static-table.ts';

/** Places for values that may repeat; a power of two. */
const recentPlaces = 16;
/** Longer values are not remembered: they bound the memory of a connection. */
const maxRecentBytes = 128;

/** What an encoder knows of a name: its places in the tables, and those of its values. Owned by an {@link EncoderTable}. */
export class NameRecord {
  readonly name: string;
  readonly indexing: Indexing;
  /** Index of the name in the static table, or 0. */
  readonly staticIndex: number;
  /** Indices of its values in the static table; null if none. */
  readonly staticValues: ReadonlyMap<string, number> | null;
  /** Number of its newest entry in the dynamic table, or 0. */
  newest = 0;
  /** Value of that entry. Most names have but one value on a connection, so this saves the second look-up. */
  newestValue = '';

  /** Numbers of its other entries by value. */
  #others: Map<string, number> | null = null;
  /** Values that were sent lately without entering the table. */
  #recent: string[] | null = null;

  constructor(name: string) {
    const known = staticNames.get(name);
    this.name = name;
    this.indexing = indexingOf(name);
    this.staticIndex = known?.index ?? 0;
    this.staticValues = known?.values ?? null;
  }

  /** Number of the entry with this value in the dynamic table, or 0. */
  numberOf(value: string): number {
    if (this.newestValue === value) return this.newest;
    return this.#others === null ? 0 : (this.#others.get(value) ?? 0);
  }

  /** An entry with a value that had none came. */
  add(value: string, number: number): void {
    if (this.newest > 0) (this.#others ??= new Map()).set(this.newestValue, this.newest);
    this.newest = number;
    this.newestValue = value;
  }

  /** An entry left. Older ones have left before. */
  remove(value: string, number: number): void {
    if (this.newest === number) {
      this.newest = 0;
      this.newestValue = '';
    } else this.#others?.delete(value);
  }

  /** Whether a value was asked for lately; remembers it. It has one place, which another may take: then it enters the table later, or never. */
  repeats(value: string): boolean {
    const { length } = value;
    if (length === 0 || length > maxRecentBytes) return false;
    const recent = (this.#recent ??= Array.from({ length: recentPlaces }, () => ''));
    const place = (length * 5 + value.charCodeAt(length >> 1) * 3 + value.charCodeAt(length - 1)) & (recentPlaces - 1);
    if (recent[place] === value) return true;
    recent[place] = value;
    return false;
  }
}
