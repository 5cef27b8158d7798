/** The success rate of one interval while the next is being counted. */
export class SuccessRate {
  #successes = 0;
  #total = 0;
  #finishedSuccesses = 0;
  #finishedTotal = 0;

  add(isSuccess: boolean): void {
    this.#total++;
    if (isSuccess) this.#successes++;
  }

  /** Ends the interval. */
  swap(): void {
    this.#finishedSuccesses = this.#successes;
    this.#finishedTotal = this.#total;
    this.#successes = 0;
    this.#total = 0;
  }

  /** Requests of the finished interval. */
  get volume(): number {
    return this.#finishedTotal;
  }

  /** Percent of the finished interval; only with a volume. */
  get percent(): number {
    return (this.#finishedSuccesses * 100) / this.#finishedTotal;
  }
}

/** What outlier detection remembers of one host. Owned and changed by the {@link OutlierDetector} of its cluster only. */
export class OutlierMonitor {
  isEjected = false;
  consecutive5xx = 0;
  consecutiveGatewayFailure = 0;
  consecutiveLocalOriginFailure = 0;
  ejections = 0;
  /** How many base times the next ejection lasts. */
  backoff = 0;
  jitterMs = 0;
  ejectedAt = 0;
  unejectedAt: number | null = null;
  readonly external = new SuccessRate();
  readonly local = new SuccessRate();
  /** For `/clusters`: the rates of the last interval, -1 without enough requests. */
  externalPercent = -1;
  localPercent = -1;

  resetCounters(): void {
    this.consecutive5xx = 0;
    this.consecutiveGatewayFailure = 0;
    this.consecutiveLocalOriginFailure = 0;
  }
}
