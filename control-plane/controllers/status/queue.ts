/** Which resource's status is written next: what matters first, each key once, none before its time. Values in, values out. */

export type Urgency = 'now' | 'later';

type Waiting = Readonly<{ urgency: Urgency; notBeforeMs: number; order: number }>;

export class StatusQueue {
  readonly #waiting = new Map<string, Waiting>();
  #order = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /** Adds a key; a key that waits already keeps its place, and becomes more urgent if it is. */
  offer(key: string, urgency: Urgency, notBeforeMs: number): void {
    const known = this.#waiting.get(key);
    if (known !== undefined && (known.urgency === 'now' || urgency === 'later')) return;
    this.#waiting.set(key, { urgency, notBeforeMs, order: this.#order++ });
  }

  forget(key: string): void {
    this.#waiting.delete(key);
  }

  clear(): void {
    this.#waiting.clear();
  }

  /** Takes the next key that is due, or null. */
  take(nowMs: number): string | null {
    let best: readonly [string, Waiting] | null = null;
    for (const entry of this.#waiting) {
      if (entry[1].notBeforeMs <= nowMs && (best === null || comesBefore(entry[1], best[1]))) best = entry;
    }
    if (best !== null) this.#waiting.delete(best[0]);
    return best?.[0] ?? null;
  }

  /** When the next key is due; null when nothing waits. */
  nextAtMs(): number | null {
    let next: number | null = null;
    for (const { notBeforeMs } of this.#waiting.values()) if (next === null || notBeforeMs < next) next = notBeforeMs;
    return next;
  }
}

function comesBefore(a: Waiting, b: Waiting): boolean {
  if (a.urgency !== b.urgency) return a.urgency === 'now';
  return a.order < b.order;
}

/** So many at once, then so many a second. */
export class TokenBucket {
  readonly #ratePerMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor({ perSecond, burst }: Readonly<{ perSecond: number; burst: number }>, nowMs: number) {
    this.#ratePerMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  /** Takes a token and returns 0, or the milliseconds until there is one. */
  take(nowMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#ratePerMs);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return Math.ceil((1 - this.#tokens) / this.#ratePerMs);
    this.#tokens--;
    return 0;
  }
}
