import type { Clock } from '#shared/runtime/clock.ts';

/** The memory of a process. */
export interface Memory {
  readonly residentBytes: number;
  /** What the collector would have to look at. */
  readonly heapBytes: number;
  /** Gives back all it can; the process stands still meanwhile, for some 100 ms with a large configuration. */
  settle(): Promise<void>;
  /** Gives back what is not in use anyway, within a few milliseconds. */
  release(): Promise<void>;
  /** Gives back a little, at no cost that would be noticed. */
  trim(): void;
}

/** What a keeper is made with. */
export type MemoryKeeperOptions = Readonly<{
  clock: Clock;
  memory: Memory;
  /** How much was served so far: while it stays the same, nobody waits. */
  served: () => number;
}>;

/** For so long nothing may have been served before the process stands still. */
const quietMs = 5000;
/** The first time it is longer: many sidecars may be starting on this machine, and none needs it for its readiness. */
const firstQuietMs = 10_000;
const firstReleaseMs = 5000;
/** A heap of this size holds a bundle and a configuration of some hundred services: what the start left there is a few megabytes. */
const smallHeapBytes = 20 * 1024 * 1024;
/** What is worth it: a configuration of a thousand services leaves as much behind. */
const worthBytes = 16 * 1024 * 1024;
/** The first trim comes when the compiler is through with the hot path, and each later one after twice the time. */
const firstTrimMs = 4000;
const maxTrimMs = 3_600_000;

/**
 * When memory is given back: before the first configuration is called ready, if that is a large one; else, and later when configurations
 * left much behind, when nobody is served. A sidecar that is never quiet keeps what it has; the collector then reuses it. Memory is trimmed
 * now and then.
 */
export class MemoryKeeper {
  readonly #options: MemoryKeeperOptions;
  #first: Promise<void> | null = null;
  #settledBytes = Infinity;
  #stopTimer: (() => void) | null = null;
  #stopTrimming: (() => void) | null = null;

  constructor(options: MemoryKeeperOptions) {
    this.#options = options;
  }

  /** A configuration is in force. Resolves when what the first one left behind is given back, or that can wait. */
  configured(): Promise<void> {
    if (this.#first === null) {
      const canWait = this.#options.memory.heapBytes < smallHeapBytes;
      if (canWait) this.#settleLater();
      this.#first = canWait ? Promise.resolve() : this.#settle();
      this.#trimAfter(firstTrimMs);
    } else if (this.#stopTimer === null) this.#watch();
    return this.#first;
  }

  close(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
    this.#stopTrimming?.();
    this.#stopTrimming = null;
  }

  #watch(): void {
    const before = this.#options.served();
    this.#stopTimer = this.#options.clock.after(quietMs, () => {
      this.#stopTimer = null;
      if (this.#options.memory.residentBytes - this.#settledBytes < worthBytes) return;
      if (this.#options.served() === before) void this.#settle();
      else this.#watch();
    });
  }

  #settleLater(): void {
    const { clock, memory, served } = this.#options;
    const settleIfQuiet = (before: number) => {
      this.#stopTimer = null;
      if (served() === before) void this.#settle();
      else look();
    };
    const look = () => {
      const before = served();
      this.#stopTimer = clock.after(firstQuietMs, () => settleIfQuiet(before));
    };
    this.#stopTimer = clock.after(firstReleaseMs, () => {
      void memory.release();
      look();
    });
  }

  async #settle(): Promise<void> {
    await this.#options.memory.settle();
    this.#settledBytes = this.#options.memory.residentBytes;
  }

  #trimAfter(delayMs: number): void {
    this.#stopTrimming = this.#options.clock.after(delayMs, () => {
      this.#options.memory.trim();
      this.#trimAfter(Math.min(2 * delayMs, maxTrimMs));
    });
  }
}
