import type { Clock } from '#shared/runtime/clock.ts';
import type { PooledConnection } from './pooled-connection.ts';

/**
 * The idle connections of a pool. The one that became idle last is used first, so that those too many run out of time; one timer,
 * not one each, closes them then.
 */
export class IdleConnections {
  readonly #clock: Clock;
  readonly #onExpired: (pooled: PooledConnection) => void;
  readonly #stack: PooledConnection[] = [];
  #sweepAt = Number.POSITIVE_INFINITY;
  #stopTimer: (() => void) | null = null;

  /** `onExpired` is called with connections whose time is over, already taken out. */
  constructor(clock: Clock, onExpired: (pooled: PooledConnection) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#stack.length;
  }

  add(pooled: PooledConnection): void {
    this.#stack.push(pooled);
    this.#sweepBy(pooled.deadline);
  }

  /** Takes out the one to be used next, or null. */
  take(): PooledConnection | null {
    for (;;) {
      const pooled = this.#stack.pop();
      if (pooled === undefined) return null;
      if (pooled.connection.isClosed) continue;
      if (pooled.deadline > this.#clock.monotonic()) return pooled;
      this.#onExpired(pooled);
    }
  }

  remove(pooled: PooledConnection): void {
    const place = this.#stack.indexOf(pooled);
    if (place >= 0) this.#stack.splice(place, 1);
  }

  /** Takes out all, and stops the timer. */
  clear(): PooledConnection[] {
    this.#stop();
    return this.#stack.splice(0);
  }

  #sweepBy(deadline: number): void {
    if (deadline >= this.#sweepAt || deadline === Number.POSITIVE_INFINITY) return;
    this.#stop();
    this.#sweepAt = deadline;
    this.#stopTimer = this.#clock.after(Math.max(1, deadline - this.#clock.monotonic()), () => {
      this.#stop();
      this.#sweep();
    });
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    const expired = this.#stack.filter((pooled) => pooled.deadline <= now);
    for (const pooled of expired) {
      this.remove(pooled);
      this.#onExpired(pooled);
    }
    for (const { deadline } of this.#stack) this.#sweepBy(deadline);
  }

  #stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
    this.#sweepAt = Number.POSITIVE_INFINITY;
  }
}
