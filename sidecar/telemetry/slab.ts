import { histogramBounds } from '#shared/telemetry/metric-names.ts';

const bounds = Float64Array.from(histogramBounds);

/** Cells of one histogram: a bucket for each bound, one for the rest, and the sum. */
export const histogramCells = bounds.length + 2;

/**
 * The metrics of one worker: one array of numbers, from which series take cells for ever. The array lies in shared memory, so
 * that the main thread reads it at scrape without asking; only the worker that owns the slab writes. Pages of it that no series
 * uses are never touched and cost no memory.
 */
export class Slab {
  readonly cells: Float64Array;
  #next = 0;

  constructor(capacity: number) {
    this.cells = new Float64Array(new SharedArrayBuffer(capacity * Float64Array.BYTES_PER_ELEMENT));
  }

  /** The first of `count` new cells, or -1 if the slab is full. */
  allocate(count: number): number {
    if (this.#next + count > this.cells.length) return -1;
    const first = this.#next;
    this.#next += count;
    return first;
  }
}

/** Counts a value into the histogram at `first`: about 10 ns by binary search (bench/micro/routing.ts). */
export function observe(cells: Float64Array, first: number, value: number): void {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    // The index is within bounds; `0` only satisfies the checker.
    if (value <= (bounds[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  add(cells, first + low, 1);
  add(cells, first + bounds.length + 1, value);
}

/** Adds to one cell. */
export function add(cells: Float64Array, index: number, amount: number): void {
  cells[index] = (cells[index] ?? 0) + amount;
}
