import { lookup } from 'node:dns/promises';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';

/** Which addresses are wanted; `auto`: IPv6, and IPv4 only if there are none. */
export type AddressFamily = 'v4' | 'v6' | 'auto';

/** Finds the addresses of a name; throws when there are none. */
export type Resolve = (name: string, family: AddressFamily) => Promise<readonly string[]>;

/** What is known of a name: the last addresses that were found, and why the last search failed, if it did. */
export type Resolution = Readonly<{ addresses: readonly string[] | null; problem: string | null }>;

/** By the system's resolver (`/etc/hosts`, `resolv.conf`). */
export const systemResolve: Resolve = async (name, family) => {
  const found = await lookup(name, { all: true, family: family === 'v4' ? 4 : family === 'v6' ? 6 : 0 });
  const wanted = family === 'auto' && found.some((entry) => entry.family === 6) ? 6 : null;
  return found.filter((entry) => wanted === null || entry.family === wanted).map((entry) => entry.address);
};

/** What a name is watched with. */
export type NameWatchOptions = Readonly<{
  family: AddressFamily;
  refreshMs: number;
  resolve: Resolve;
  clock: Clock;
}>;

/**
 * Resolves a name again and again, and keeps the last good answer while the resolver fails: a resolver that is down must not take
 * down what is already known.
 */
export class NameWatch {
  readonly #name: string;
  readonly #options: NameWatchOptions;
  readonly #source = new WatchSource<Resolution>({ addresses: null, problem: null });
  #stopTimer: (() => void) | null = null;
  #isClosed = false;

  constructor(name: string, options: NameWatchOptions) {
    this.#name = name;
    this.#options = options;
    this.#search();
  }

  /** What is known now, and word of every change. */
  get resolution(): Watch<Resolution> {
    return this.#source;
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer?.();
  }

  #search(): void {
    void this.#options.resolve(this.#name, this.#options.family).then(
      (addresses) =>
        addresses.length === 0
          ? this.#take(null, `no addresses for ${this.#name}`)
          : this.#take([...new Set(addresses)].sort(), null),
      (error: unknown) => this.#take(null, describeError(error)),
    );
  }

  #take(found: readonly string[] | null, problem: string | null): void {
    if (this.#isClosed) return;
    const { addresses, problem: known } = this.#source.current();
    const isNew = found !== null && found.join() !== addresses?.join();
    // The first search is told in any case: someone waits for it.
    if (isNew || problem !== known) this.#source.set({ addresses: isNew ? found : addresses, problem });
    this.#stopTimer = this.#options.clock.after(this.#options.refreshMs, () => this.#search());
  }
}
