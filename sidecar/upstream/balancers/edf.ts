import assert from 'node:assert/strict';

/**
 * Earliest deadline first: weighted round robin without bursts, in O(log n). An entry is put back at `now + 1 / weight`, and
 * the weight is asked for anew each time; of equal deadlines the one that was put in first comes first.
 */
export class EdfScheduler<T> {
  readonly #entries: readonly T[];
  readonly #weightOf: (entry: T) => number;
  readonly #deadlines: Float64Array;
  /** When each entry was put in: decides between equal deadlines. */
  readonly #orders: Float64Array;
  /** A binary heap of indexes into the entries. */
  readonly #heap: Uint32Array;
  #order = 0;

  /** Weights must be above 0. */
  constructor(entries: readonly T[], weightOf: (entry: T) => number) {
    this.#entries = entries;
    this.#weightOf = weightOf;
    this.#deadlines = new Float64Array(entries.length);
    this.#orders = new Float64Array(entries.length);
    this.#heap = new Uint32Array(entries.length);
    for (const [index, entry] of entries.entries()) {
      this.#deadlines[index] = 1 / weightOf(entry);
      this.#orders[index] = this.#order++;
      this.#heap[index] = index;
    }
    for (let at = (entries.length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  /** The entry whose turn it is; it is put back. */
  pick(): T {
    const index = this.#heap[0] ?? 0;
    const entry = this.#entries[index];
    assert(entry !== undefined, 'a scheduler has at least one entry');
    this.#deadlines[index] = (this.#deadlines[index] ?? 0) + 1 / this.#weightOf(entry);
    this.#orders[index] = this.#order++;
    this.#sink(0);
    return entry;
  }

  /** Passes over so many turns. */
  skip(turns: number): void {
    for (let turn = 0; turn < turns; turn++) this.pick();
  }

  #sink(start: number): void {
    const heap = this.#heap;
    const moving = heap[start] ?? 0;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1] ?? 0, heap[child] ?? 0)) child++;
      const candidate = heap[child] ?? 0;
      if (!this.#isBefore(candidate, moving)) break;
      heap[at] = candidate;
      at = child;
    }
    heap[at] = moving;
  }

  #isBefore(a: number, b: number): boolean {
    const first = this.#deadlines[a] ?? 0;
    const second = this.#deadlines[b] ?? 0;
    return first < second || (first === second && (this.#orders[a] ?? 0) < (this.#orders[b] ?? 0));
  }
}
