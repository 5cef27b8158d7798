import type { Random } from '#shared/runtime/random.ts';

/** Picks among weighted items at random over the sum of their weights; items of weight 0 are never picked. */
export class WeightedChoice<T> {
  readonly #items: readonly T[];
  /** Upper end of each item's share. */
  readonly #ends: readonly number[];
  readonly #total: number;

  constructor(entries: readonly Readonly<{ item: T; weight: number }>[]) {
    const live = entries.filter(({ weight }) => weight > 0);
    let total = 0;
    this.#items = live.map(({ item }) => item);
    this.#ends = live.map(({ weight }) => (total += weight));
    this.#total = total;
  }

  /** Null if no item has a weight. */
  pick(random: Random): T | null {
    if (this.#items.length <= 1) return this.#items[0] ?? null;
    const draw = random() * this.#total;
    const index = this.#ends.findIndex((end) => draw < end);
    return this.#items[index] ?? null;
  }
}
