/** Events between two looks at the time, which costs as much as the rest. */
const eventsALook = 64;

/** Whether events come so fast that it pays to gather what they bring. */
export class EventPace {
  /** More than `busyPerSecond` came at the last look. */
  isBusy = false;
  readonly #now: () => number;
  readonly #busyMs: number;
  #events = 0;
  #lookedAtMs: number;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(now: () => number, busyPerSecond: number) {
    this.#now = now;
    this.#busyMs = (eventsALook / busyPerSecond) * 1000;
    this.#lookedAtMs = now();
  }

  /** An event came. */
  note(): void {
    if (++this.#events < eventsALook) return;
    const now = this.#now();
    this.isBusy = now - this.#lookedAtMs < this.#busyMs;
    this.#events = 0;
    this.#lookedAtMs = now;
  }
}
