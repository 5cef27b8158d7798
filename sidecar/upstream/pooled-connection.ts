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
  /** The breaker that counts the requests under way; null without any. */
  #requests: Breaker | null = null;
  #active = 0;

  constructor(connection: ClientConnection, breaker: Breaker, expiresAt: number) {
    this.connection = connection;
    this.breaker = breaker;
    this.#expiresAt = expiresAt;
  }

  get isBusy(): boolean {
    return this.#active > 0;
  }

  isTooOld(now: number): boolean {
    return now >= this.#expiresAt;
  }

  /** Whether a stream under this breaker may be opened now: those of one connection are counted by one breaker, as in Envoy. */
  takes(breaker: Breaker): boolean {
    return this.connection.capacity > 0 && (this.#requests === null || this.#requests === breaker);
  }

  /** A stream begins. */
  begin(breaker: Breaker): void {
    this.#requests = breaker;
    this.#active++;
  }

  /** Gives back what is counted for streams that ended, down to `active`; returns how many there were. */
  finish(active: number): number {
    const ended = Math.max(0, this.#active - active);
    for (let i = 0; i < ended; i++) this.#requests?.releaseRequest();
    this.#active -= ended;
    if (this.#active === 0) this.#requests = null;
    return ended;
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
