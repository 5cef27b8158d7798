/** Cells of one host's monitor: three counters of failures in a row, and requests and successes of the interval, twice. */
export const monitorCells = 7;

const consecutive5xx = 0;
const consecutiveGatewayFailure = 1;
const consecutiveLocalOriginFailure = 2;
const external = 3;
const local = 5;

/** Adds to a cell, atomically (9 ns) only if other threads do too; what was there before. */
function add(cells: Int32Array, cell: number, isShared: boolean): number {
  if (isShared) return Atomics.add(cells, cell, 1);
  const before = cells[cell] ?? 0;
  cells[cell] = before + 1;
  return before;
}

/** The rate of one interval while the next is being counted, in two cells that threads may share: requests and successes. */
export class SuccessRate {
  #cells: Int32Array;
  #isShared = false;
  readonly #first: number;
  #successes = 0;
  #total = 0;

  constructor(cells: Int32Array, first: number) {
    this.#cells = cells;
    this.#first = first;
  }

  /** Counts in these cells from now on. */
  attach(cells: Int32Array): void {
    this.#cells = cells;
    this.#isShared = true;
  }

  add(isSuccess: boolean): void {
    add(this.#cells, this.#first, this.#isShared);
    if (isSuccess) add(this.#cells, this.#first + 1, this.#isShared);
  }

  /** Ends the interval. */
  swap(): void {
    this.#successes = Atomics.exchange(this.#cells, this.#first + 1, 0);
    this.#total = Atomics.exchange(this.#cells, this.#first, 0);
  }

  /** Requests of the finished interval. */
  get volume(): number {
    return this.#total;
  }

  /** Percent of the finished interval; only with a volume. A success may be counted an interval after its request, hence the bound. */
  get percent(): number {
    return Math.min(100, (this.#successes * 100) / this.#total);
  }
}

/**
 * What outlier detection remembers of one host. What requests count lies in cells, which worker threads share, as Envoy's threads do
 * theirs; the rest belongs to the {@link OutlierDetector} of the cluster, and is changed by nobody else.
 */
export class OutlierMonitor {
  isEjected = false;
  ejections = 0;
  /** How many base times the next ejection lasts. */
  backoff = 0;
  jitterMs = 0;
  ejectedAt = 0;
  unejectedAt: number | null = null;
  readonly external: SuccessRate;
  readonly local: SuccessRate;
  /** For `/clusters`: the rates of the last interval, -1 without enough requests. */
  externalPercent = -1;
  localPercent = -1;
  #cells: Int32Array = new Int32Array(monitorCells);
  #isShared = false;

  constructor() {
    this.external = new SuccessRate(this.#cells, external);
    this.local = new SuccessRate(this.#cells, local);
  }

  /** Counts in these cells from now on, with other threads; what was counted alone is forgotten. */
  attach(cells: Int32Array): void {
    this.#cells = cells;
    this.#isShared = true;
    this.external.attach(cells);
    this.local.attach(cells);
  }

  get consecutive5xx(): number {
    return Atomics.load(this.#cells, consecutive5xx);
  }

  set consecutive5xx(count: number) {
    this.#set(consecutive5xx, count);
  }

  get consecutiveGatewayFailure(): number {
    return Atomics.load(this.#cells, consecutiveGatewayFailure);
  }

  set consecutiveGatewayFailure(count: number) {
    this.#set(consecutiveGatewayFailure, count);
  }

  get consecutiveLocalOriginFailure(): number {
    return Atomics.load(this.#cells, consecutiveLocalOriginFailure);
  }

  set consecutiveLocalOriginFailure(count: number) {
    this.#set(consecutiveLocalOriginFailure, count);
  }

  /** One more in a row; how many there are now. Whoever reaches a number is the only one that does. */
  count5xx(): number {
    return add(this.#cells, consecutive5xx, this.#isShared) + 1;
  }

  /** As `count5xx`. */
  countGatewayFailure(): number {
    return add(this.#cells, consecutiveGatewayFailure, this.#isShared) + 1;
  }

  /** As `count5xx`. */
  countLocalOriginFailure(): number {
    return add(this.#cells, consecutiveLocalOriginFailure, this.#isShared) + 1;
  }

  resetCounters(): void {
    this.consecutive5xx = 0;
    this.consecutiveGatewayFailure = 0;
    this.consecutiveLocalOriginFailure = 0;
  }

  /** Writes only what is different: each success resets, and a write takes the cell from the other threads' caches. */
  #set(cell: number, count: number): void {
    if (this.#cells[cell] !== count) Atomics.store(this.#cells, cell, count);
  }
}
