import type { Clock } from '#shared/runtime/clock.ts';

/** What a window is made with. */
export type HealthWindowOptions = Readonly<{
  clock: Clock;
  /** How long changes of health are gathered; asked at each change. 0: not at all. */
  windowMs: () => number;
  /** Puts the health that hosts have now into force. */
  apply: () => void;
}>;

/**
 * When changes of health take effect. With a window it is Envoy's `update_merge_window`: the first change does so at once; those
 * that come within a window of the change before are gathered, and take effect together a window after the first of them.
 */
export class HealthWindow {
  readonly #options: HealthWindowOptions;
  #appliedAt = -Infinity;
  #stopTimer: (() => void) | null = null;

  constructor(options: HealthWindowOptions) {
    this.#options = options;
  }

  /** The health of a host changed. */
  healthChanged(): void {
    const { clock, windowMs } = this.#options;
    const length = windowMs();
    if (length === 0 || clock.monotonic() - this.#appliedAt > length) this.#apply();
    else this.#stopTimer ??= clock.after(length, () => this.#apply());
  }

  /** Hosts came or went: that has taken effect already, and what was gathered with it. */
  membersChanged(): void {
    this.close();
    this.#appliedAt = this.#options.clock.monotonic();
  }

  close(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
  }

  #apply(): void {
    this.membersChanged();
    this.#options.apply();
  }
}
