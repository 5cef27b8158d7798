/**
 * What worker threads count together of a cluster: how many connections, waiting requests, requests and retries are under way, for
 * both priorities. One block of shared memory a cluster, made by the main thread:
 *
 *   [ sums: default, high ] [ worker 0: default, high ] [ worker 1: default, high ] ...
 *
 * Breakers read and change the sums; beside them each worker keeps what of it is its own, so that a worker that dies can be taken off.
 */
import { breakerSlots, type BreakerTable } from '../upstream/circuit.ts';

/** Both priorities. */
const blockCells = 2 * breakerSlots;

/** The tables of one cluster's breakers, as one worker uses them. */
export type ClusterTables = Readonly<{ default: BreakerTable; high: BreakerTable }>;

/** The tables in a block, for the worker of this index. */
export function tablesOf(block: SharedArrayBuffer, worker: number): ClusterTables {
  const cells = new Int32Array(block);
  const table = (priority: number): BreakerTable => {
    const sums = priority * breakerSlots;
    const own = (1 + worker) * blockCells + sums;
    return { counts: cells.subarray(sums, sums + breakerSlots), share: cells.subarray(own, own + breakerSlots) };
  };
  return { default: table(0), high: table(1) };
}

/** The blocks of all clusters; owned by the main thread. */
export class ClusterCounts {
  readonly #workers: number;
  #blocks: ReadonlyMap<string, SharedArrayBuffer> = new Map();

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** By cluster. A block lives as long as there is a cluster of its name; the next one begins at nought. */
  get blocks(): ReadonlyMap<string, SharedArrayBuffer> {
    return this.#blocks;
  }

  /** These clusters there are now. */
  setClusters(names: Iterable<string>): void {
    const next = new Map<string, SharedArrayBuffer>();
    for (const name of names) next.set(name, this.#blocks.get(name) ?? this.#newBlock());
    this.#blocks = next;
  }

  /** Takes off what a worker that is dead counted: its connections and requests are no more. */
  forget(worker: number): void {
    for (const block of this.#blocks.values()) {
      const cells = new Int32Array(block);
      const own = (1 + worker) * blockCells;
      for (let i = 0; i < blockCells; i++) {
        Atomics.sub(cells, i, cells[own + i] ?? 0);
        cells[own + i] = 0;
      }
    }
  }

  #newBlock(): SharedArrayBuffer {
    return new SharedArrayBuffer((1 + this.#workers) * blockCells * Int32Array.BYTES_PER_ELEMENT);
  }
}
