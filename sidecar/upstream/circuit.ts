import type { Thresholds } from '../snapshot/cluster.ts';

/** How many numbers one breaker counts. */
export const breakerSlots = 4;

const connections = 0;
const pending = 1;
const requests = 2;
const retries = 3;

/**
 * Where a breaker counts: a table of `breakerSlots` numbers that worker threads may share, and which part of them is ours, so that it
 * can be taken off again when this thread dies. Null: no other thread counts there, so that nothing need be atomic (9 ns each).
 */
export type BreakerTable = Readonly<{ counts: Int32Array; share: Int32Array | null }>;

/**
 * The circuit breaker of one cluster and priority: what is under way, against the configured limits. Each `take` either counts
 * one more and says yes, or says no; each yes is given back once by the `release` of the same name.
 * The numbers live in a table that is handed in, so that worker threads can share one (then limits hold for the process).
 */
export class Breaker {
  #thresholds: Thresholds;
  readonly #counts: Int32Array;
  readonly #share: Int32Array | null;

  constructor(thresholds: Thresholds, table: BreakerTable = { counts: new Int32Array(breakerSlots), share: null }) {
    this.#thresholds = thresholds;
    this.#counts = table.counts;
    this.#share = table.share;
  }

  /** Sets other limits; what is under way stays counted. */
  update(thresholds: Thresholds): void {
    this.#thresholds = thresholds;
  }

  get thresholds(): Thresholds {
    return this.#thresholds;
  }

  get connections(): number {
    return this.#count(connections);
  }

  get pending(): number {
    return this.#count(pending);
  }

  get requests(): number {
    return this.#count(requests);
  }

  get retries(): number {
    return this.#count(retries);
  }

  /** Retries that may be under way at once: a budget follows the load, and overrides `maxRetries`. */
  get retryLimit(): number {
    const budget = this.#thresholds.retryBudget;
    if (budget === null) return this.#thresholds.maxRetries;
    const share = Math.floor((budget.percent * (this.requests + this.pending)) / 100);
    return Math.max(budget.minConcurrency, share);
  }

  takeConnection(): boolean {
    return this.#take(connections, this.#thresholds.maxConnections);
  }

  /** One over the limit: each host may have one connection whatever the limit says. */
  forceConnection(): void {
    this.#change(connections, 1);
  }

  releaseConnection(): void {
    this.#change(connections, -1);
  }

  takePending(): boolean {
    return this.#take(pending, this.#thresholds.maxPendingRequests);
  }

  releasePending(): void {
    this.#change(pending, -1);
  }

  takeRequest(): boolean {
    return this.#take(requests, this.#thresholds.maxRequests);
  }

  releaseRequest(): void {
    this.#change(requests, -1);
  }

  takeRetry(): boolean {
    return this.#take(retries, this.retryLimit);
  }

  releaseRetry(): void {
    this.#change(retries, -1);
  }

  #count(slot: number): number {
    return Atomics.load(this.#counts, slot);
  }

  // A thread that is killed is stopped where a function begins or a loop turns round: never between a count and its share.

  #take(slot: number, limit: number): boolean {
    const counts = this.#counts;
    const share = this.#share;
    if (share === null) {
      const count = counts[slot] ?? 0;
      if (count >= limit) return false;
      counts[slot] = count + 1;
      return true;
    }
    if (Atomics.add(counts, slot, 1) < limit) {
      share[slot] = (share[slot] ?? 0) + 1;
      return true;
    }
    Atomics.sub(counts, slot, 1);
    return false;
  }

  #change(slot: number, by: 1 | -1): void {
    const share = this.#share;
    if (share === null) {
      this.#counts[slot] = (this.#counts[slot] ?? 0) + by;
      return;
    }
    Atomics.add(this.#counts, slot, by);
    share[slot] = (share[slot] ?? 0) + by;
  }
}
