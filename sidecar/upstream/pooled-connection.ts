import type { Random } from '#shared/runtime/random.ts';
import type { ClientConnection } from '../net/http-stream.ts';
import type { Breaker } from './circuit.ts';

/** The part of an idle time that chance may take off, so that connections do not all end at once. */
const idleJitter = 0.1;

/** How long before the peer's announced end an idle connection is no longer used: a request may be that long on its way. */
const keepAliveMarginMs = 1000;

/** A connection and what its pool remembers of it. */
export class PooledConnection {
  readonly connection: ClientConnection;
  /** The breaker that counts the connection. */
  readonly breaker: Breaker;
  /** When it may no longer be used while idle. */
  deadline = Number.POSITIVE_INFINITY;
  readonly #expiresAt: number;
  #keepAliveMs = Number.POSITIVE_INFINITY;
  /** The breaker that counts the request under way. */
  #request: Breaker | null = null;

  constructor(connection: ClientConnection, breaker: Breaker, expiresAt: number) {
    this.connection = connection;
    this.breaker = breaker;
    this.#expiresAt = expiresAt;
  }

  get isBusy(): boolean {
    return this.#request !== null;
  }

  isTooOld(now: number): boolean {
    return now >= this.#expiresAt;
  }

  /** A stream begins. */
  begin(breaker: Breaker): void {
    this.#request = breaker;
  }

  /** The stream ended; false if there was none. */
  finish(): boolean {
    if (this.#request === null) return false;
    this.#request.releaseRequest();
    this.#request = null;
    return true;
  }

  /** The peer said how long it keeps idle connections. */
  hintKeepAlive(timeoutMs: number): void {
    this.#keepAliveMs = Math.max(timeoutMs - keepAliveMarginMs, timeoutMs / 2);
  }

  /** It becomes idle; an idle time of 0 is none. */
  rest(now: number, idleTimeoutMs: number, random: Random): void {
    const idleMs = idleTimeoutMs > 0 ? idleTimeoutMs * (1 - idleJitter * random()) : Number.POSITIVE_INFINITY;
    this.deadline = Math.min(now + Math.min(idleMs, this.#keepAliveMs), this.#expiresAt);
  }
}
