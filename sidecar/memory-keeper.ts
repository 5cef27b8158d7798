import type { Clock } from '#shared/runtime/clock.ts';

/** What a keeper is made with. */
export type MemoryKeeperOptions = Readonly<{
  clock: Clock;
  /** Gives memory back; the process stands still meanwhile, for some 100 ms with a large configuration. */
  settle: () => Promise<void>;
  residentBytes: () => number;
  /** How much was served so far: while it stays the same, nobody waits. */
  served: () => number;
}>;

/** For so long nothing may have been served before the process stands still. */
const quietMs = 5000;
/** What is worth it: a configuration of a thousand services leaves as much behind. */
const worthBytes = 16 * 1024 * 1024;

/**
 * When memory is given back: before the first configuration is called ready, and later when configurations left much behind and
 * nobody is served. A sidecar that is never quiet keeps what it has; the collector then reuses it.
 */
export class MemoryKeeper {
  readonly #options: MemoryKeeperOptions;
  #first: Promise<void> | null = null;
  #settledBytes = Infinity;
  #stopTimer: (() => void) | null = null;

  constructor(options: MemoryKeeperOptions) {
    this.#options = options;
  }

  /** A configuration is in force. Resolves when what the first one left behind is given back. */
  configured(): Promise<void> {
    if (this.#first === null) this.#first = this.#settle();
    else if (this.#stopTimer === null) this.#watch();
    return this.#first;
  }

  close(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
  }

  #watch(): void {
    const before = this.#options.served();
    this.#stopTimer = this.#options.clock.after(quietMs, () => {
      this.#stopTimer = null;
      if (this.#options.residentBytes() - this.#settledBytes < worthBytes) return;
      if (this.#options.served() === before) void this.#settle();
      else this.#watch();
    });
  }

  async #settle(): Promise<void> {
    await this.#options.settle();
    this.#settledBytes = this.#options.residentBytes();
  }
}
