import type { MeshError } from '#shared/runtime/mesh-error.ts';
import type { Breaker } from './circuit.ts';
import type { ClusterStats } from './cluster-stats.ts';
import type { PendingStream, PoolFailure, StreamWaiter } from './connection-pool.ts';

/** A stream that waits for a connection. */
export class WaitingStream implements PendingStream {
  readonly waiter: StreamWaiter;
  readonly breaker: Breaker;
  readonly #onCancel: (waiting: WaitingStream) => void;

  constructor(waiter: StreamWaiter, breaker: Breaker, onCancel: (waiting: WaitingStream) => void) {
    this.waiter = waiter;
    this.breaker = breaker;
    this.#onCancel = onCancel;
  }

  cancel(): void {
    this.#onCancel(this);
  }
}

/** The streams that wait in one pool, in the order they came, as their breakers and the cluster count them. */
export class WaitingStreams implements Iterable<WaitingStream> {
  readonly #streams = new Set<WaitingStream>();
  readonly #stats: ClusterStats;
  readonly #onCancel: (waiting: WaitingStream) => void;

  constructor(stats: ClusterStats) {
    this.#stats = stats;
    this.#onCancel = (waiting) => {
      if (this.remove(waiting)) stats.upstream_rq_cancelled++;
    };
  }

  get size(): number {
    return this.#streams.size;
  }

  [Symbol.iterator](): Iterator<WaitingStream> {
    return this.#streams[Symbol.iterator]();
  }

  /** The breaker has taken it as pending. */
  add(waiter: StreamWaiter, breaker: Breaker): WaitingStream {
    this.#stats.upstream_rq_pending_total++;
    this.#stats.upstream_rq_pending_active++;
    const waiting = new WaitingStream(waiter, breaker, this.#onCancel);
    this.#streams.add(waiting);
    return waiting;
  }

  /** It waits no more; false if it did not. */
  remove(waiting: WaitingStream): boolean {
    if (!this.#streams.delete(waiting)) return false;
    waiting.breaker.releasePending();
    this.#stats.upstream_rq_pending_active--;
    return true;
  }

  /** All that wait are told. */
  fail(failure: PoolFailure, error: MeshError): void {
    for (const waiting of Array.from(this.#streams)) if (this.remove(waiting)) waiting.waiter.onFailure(failure, error);
  }
}
