import type { Clock } from '#shared/runtime/clock.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import { emptyCatalog, type Catalog, type Change } from './catalog.ts';
import { reduceCatalog } from './reduce.ts';

/** How changes are gathered: published after a quiet time, but never later than the maximum after the first. */
export type Debounce = Readonly<{ quietMs: number; maxMs: number }>;

/**
 * Gathers changes and publishes catalogs. Istio waits 100 ms quiet and 10 s at most; a storm of changes here is published
 * sooner, since unchanged resources cost nothing downstream.
 */
export class CatalogPublisher {
  readonly #clock: Clock;
  readonly #debounce: Debounce;
  readonly #published = new WatchSource<Catalog>(emptyCatalog);
  #waiting: Change[] = [];
  #firstAtMs = 0;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, debounce: Debounce = { quietMs: 50, maxMs: 1000 }) {
    this.#clock = clock;
    this.#debounce = debounce;
  }

  /** The catalog in force. */
  get catalog(): Watch<Catalog> {
    return this.#published;
  }

  /** Takes a batch of changes. */
  tell(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    if (this.#waiting.length === 0) this.#firstAtMs = this.#clock.monotonic();
    this.#waiting.push(...changes);
    const waitedMs = this.#clock.monotonic() - this.#firstAtMs;
    const delayMs = Math.max(0, Math.min(this.#debounce.quietMs, this.#debounce.maxMs - waitedMs));
    this.#cancel?.();
    this.#cancel = this.#clock.after(delayMs, () => this.flush());
  }

  /** Publishes at once what waits. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    const changes = this.#waiting;
    this.#waiting = [];
    if (changes.length > 0) this.#published.set(reduceCatalog(this.#published.current(), changes));
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
