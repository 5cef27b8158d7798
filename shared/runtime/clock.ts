import { performance } from 'node:perf_hooks';

/** Time and timers, handed in so that tests move them by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
  /** Calls `callback` once after `delayMs`, unless cancelled by the returned function. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The time of the callback that runs, or NaN: not asked for yet. */
let wallMs = NaN;
let monotonicMs = NaN;
const settled = Promise.resolve();

function forgetTime(): void {
  wallMs = NaN;
  monotonicMs = NaN;
}

/**
 * The real clock. While one callback of the event loop runs it stands still, as the time of that event: a request asks a dozen times,
 * and reading the system's clock takes 50 to 80 ns. The microtasks at the end of the callback let it go on.
 */
export const systemClock: Clock = {
  now() {
    if (Number.isNaN(wallMs)) {
      wallMs = Date.now();
      if (Number.isNaN(monotonicMs)) void settled.then(forgetTime);
    }
    return wallMs;
  },
  monotonic() {
    if (Number.isNaN(monotonicMs)) {
      monotonicMs = performance.now();
      if (Number.isNaN(wallMs)) void settled.then(forgetTime);
    }
    return monotonicMs;
  },
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

type Pending = { at: number; order: number; callback: () => void };

/** A clock for tests: nothing happens until `advance`. */
export class FakeClock implements Clock {
  #now: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    const entry = { at: this.#now + delayMs, order: this.#order++, callback };
    this.#pending.add(entry);
    return () => this.#pending.delete(entry);
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Moves time forward, firing what falls due in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }

  #next(end: number): Pending | undefined {
    let first: Pending | undefined;
    for (const entry of this.#pending) {
      if (entry.at > end) continue;
      if (first === undefined || entry.at < first.at || (entry.at === first.at && entry.order < first.order))
        first = entry;
    }
    return first;
  }
}
