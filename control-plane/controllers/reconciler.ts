import type { Clock } from '#shared/runtime/clock.ts';
import { fullJitterMs } from '#shared/runtime/backoff.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';

export type ReconcilerOptions = Readonly<{
  /** What is told when the work fails. */
  name: string;
  /** Brings the world to what is wanted; called again later when it throws. */
  work: () => Promise<void>;
  clock: Clock;
  random: Random;
  onFailure: (message: string) => void;
  /** Time between the ends and starts of two runs, so that many triggers are one run. */
  quietMs?: number;
}>;

const retryBaseMs = 1000;
const retryMaxMs = 30_000;

/** Does its work when triggered: one run at a time, never lost, again with back-off when it failed. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  #isDue = false;
  #isClosed = false;
  #failures = 0;
  #running: Promise<void> | null = null;
  #cancel: (() => void) | null = null;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  trigger(): void {
    if (this.#isClosed) return;
    this.#isDue = true;
    if (this.#running === null && this.#cancel === null) this.#after(this.#options.quietMs ?? 0);
  }

  /** Waits for the run that is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.#running;
  }

  #after(ms: number): void {
    this.#cancel = this.#options.clock.after(ms, () => {
      this.#cancel = null;
      this.#running = this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isDue = false;
    const { name, work, random, onFailure, quietMs = 0 } = this.#options;
    let waitMs = quietMs;
    try {
      await work();
      this.#failures = 0;
    } catch (error) {
      this.#failures++;
      this.#isDue = true;
      waitMs = Math.max(quietMs, fullJitterMs(this.#failures, retryBaseMs, retryMaxMs, random));
      if (!this.#isClosed) onFailure(`${name}: ${describeError(error)}`);
    }
    this.#running = null;
    if (this.#isDue && !this.#isClosed) this.#after(waitMs);
  }
}
