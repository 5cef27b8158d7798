/**
 * The HTTP/1.1 connections to one host over one transport. A stream takes a whole connection: the one that became idle last, else a
 * new one within the breaker's limits, else it waits for the first that is free. Idle connections are closed after their time, or as
 * soon as the peer closes them, so that a request meets a dead one as seldom as can be.
 *
 *   newStream -> idle connection | waiting + connect -> onReady | onFailure
 *
 * The pool owns its connections and keeps the cluster's and the host's counts of connections and requests under way. It reports
 * nothing to outlier detection: the attempt does, for it knows how its request ended.
 */
import { MeshError } from '#shared/runtime/mesh-error.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { ClientConnection, ClientConnectionHandler } from '../net/http-stream.ts';
import type { Breaker } from './circuit.ts';
import type { ClusterStats } from './cluster-stats.ts';
import type { ConnectionPool, PendingStream, PoolFailure, StreamWaiter } from './connection-pool.ts';
import type { HostStats } from './host.ts';
import { IdleConnections } from './idle-connections.ts';
import { PooledConnection } from './pooled-connection.ts';

/** What the outcome of an attempt to connect is told to. */
export interface ConnectHandler {
  onConnected(connection: ClientConnection): void;
  onFailed(error: MeshError): void;
}

/** Opens one connection; its events go to `events`, its outcome to `handler`, later than the call. Returns how to give up. */
export type Connector = (events: ClientConnectionHandler, handler: ConnectHandler) => () => void;

/** The limits of a pool's connections; times in milliseconds, 0: none. */
export type PoolLimits = Readonly<{
  maxRequestsPerConnection: number;
  idleTimeoutMs: number;
  maxConnectionDurationMs: number;
}>;

/** Whose requests and connections the pool counts. */
export type PoolOwner = { readonly key: string; activeRequests: number; readonly stats: HostStats };

/** What a pool is made with. */
export type PoolOptions = Readonly<{
  host: PoolOwner;
  limits: PoolLimits;
  stats: ClusterStats;
  connect: Connector;
  clock: Clock;
  random: Random;
}>;

class Waiting implements PendingStream {
  readonly waiter: StreamWaiter;
  readonly breaker: Breaker;
  readonly #remove: (waiting: Waiting) => void;

  constructor(waiter: StreamWaiter, breaker: Breaker, remove: (waiting: Waiting) => void) {
    this.waiter = waiter;
    this.breaker = breaker;
    this.#remove = remove;
  }

  cancel(): void {
    this.#remove(this);
  }
}

/** The pool of HTTP/1.1. */
export class Http1Pool implements ConnectionPool, ClientConnectionHandler {
  readonly #options: PoolOptions;
  /** Open connections, busy and idle. */
  readonly #open = new Map<ClientConnection, PooledConnection>();
  readonly #idle: IdleConnections;
  readonly #connecting = new Set<() => void>();
  /** In the order they came. */
  readonly #waiting = new Set<Waiting>();
  readonly #cancel: (waiting: Waiting) => void;
  #isDraining = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#idle = new IdleConnections(options.clock, (pooled) => this.#expire(pooled));
    this.#cancel = (waiting) => {
      if (!this.#unqueue(waiting)) return;
      options.stats.upstream_rq_cancelled++;
    };
  }

  get connections(): number {
    return this.#open.size + this.#connecting.size;
  }

  get idle(): number {
    return this.#idle.size;
  }

  get pending(): number {
    return this.#waiting.size;
  }

  newStream(waiter: StreamWaiter, breaker: Breaker): PendingStream | null {
    const free = this.#idle.take();
    if (free !== null) {
      if (!this.#attach(free, waiter, breaker)) this.#offer(free);
      return null;
    }
    const { stats } = this.#options;
    if (!breaker.takePending()) {
      stats.upstream_rq_pending_overflow++;
      waiter.onFailure('overflow', this.#overflow('too many pending requests'));
      return null;
    }
    stats.upstream_rq_pending_total++;
    stats.upstream_rq_pending_active++;
    const waiting = new Waiting(waiter, breaker, this.#cancel);
    this.#waiting.add(waiting);
    if (this.#waiting.size > this.#connecting.size) this.#connect(breaker);
    return waiting;
  }

  onCapacity(connection: ClientConnection): void {
    const pooled = this.#open.get(connection);
    if (pooled === undefined) return;
    this.#finishStream(pooled);
    this.#offer(pooled);
  }

  onKeepAliveHint(connection: ClientConnection, timeoutMs: number): void {
    this.#open.get(connection)?.hintKeepAlive(timeoutMs);
  }

  onClose(connection: ClientConnection): void {
    const pooled = this.#open.get(connection);
    if (pooled === undefined) return;
    const { stats, host } = this.#options;
    this.#open.delete(connection);
    this.#idle.remove(pooled);
    if (pooled.isBusy) stats.upstream_cx_destroy_with_active_rq++;
    this.#finishStream(pooled);
    stats.upstream_cx_destroy++;
    stats.upstream_cx_rx_bytes_total += connection.connection.bytesRead;
    stats.upstream_cx_tx_bytes_total += connection.connection.bytesWritten;
    stats.upstream_cx_active--;
    host.stats.cx_active--;
    pooled.breaker.releaseConnection();
    // Who waited for this connection needs another.
    const [first] = this.#waiting;
    if (first !== undefined && this.#waiting.size > this.#connecting.size) this.#connect(first.breaker);
  }

  drain(): void {
    this.#isDraining = true;
    for (const pooled of this.#idle.clear()) pooled.connection.close();
    for (const { connection } of this.#open.values()) connection.drain();
    if (this.#waiting.size === 0) for (const stop of this.#connecting) stop();
  }

  close(): void {
    this.#isDraining = true;
    this.#idle.clear();
    for (const stop of this.#connecting) stop();
    this.#failWaiting('closed', new MeshError('closed', `the connections to ${this.#options.host.key} are given up`));
    for (const connection of Array.from(this.#open.keys())) connection.close();
  }

  /** Gives the stream of this connection to the waiter, unless too many requests are under way. */
  #attach(pooled: PooledConnection, waiter: StreamWaiter, breaker: Breaker): boolean {
    const { stats, host, limits } = this.#options;
    if (!breaker.takeRequest()) {
      stats.upstream_rq_pending_overflow++;
      waiter.onFailure('overflow', this.#overflow('too many requests'));
      return false;
    }
    pooled.begin(breaker);
    host.activeRequests++;
    host.stats.rq_total++;
    stats.upstream_rq_total++;
    stats.upstream_rq_active++;
    waiter.onReady(pooled.connection);
    if (limits.maxRequestsPerConnection > 0 && pooled.connection.requestCount >= limits.maxRequestsPerConnection) {
      stats.upstream_cx_max_requests++;
      pooled.connection.drain();
    } else if (this.#isDraining) pooled.connection.drain();
    return true;
  }

  #finishStream(pooled: PooledConnection): void {
    if (!pooled.finish()) return;
    this.#options.host.activeRequests--;
    this.#options.stats.upstream_rq_active--;
  }

  /** A connection is free: for the one that waits longest, or it becomes idle. */
  #offer(pooled: PooledConnection): void {
    const { limits, clock, random } = this.#options;
    const now = clock.monotonic();
    if (pooled.connection.isClosed || pooled.connection.capacity === 0) return;
    if (pooled.isTooOld(now)) {
      this.#options.stats.upstream_cx_max_duration_reached++;
      pooled.connection.close();
      return;
    }
    for (const first of this.#waiting) {
      this.#unqueue(first);
      if (this.#attach(pooled, first.waiter, first.breaker)) return;
    }
    if (this.#isDraining) pooled.connection.close();
    else {
      pooled.rest(now, limits.idleTimeoutMs, random);
      this.#idle.add(pooled);
    }
  }

  #connect(breaker: Breaker): void {
    const { stats, host, connect, clock, limits } = this.#options;
    if (!breaker.takeConnection()) {
      stats.upstream_cx_overflow++;
      // A host without any connection gets one, or its requests would wait for ever.
      if (this.connections > 0) return;
      breaker.forceConnection();
    }
    stats.upstream_cx_total++;
    stats.upstream_cx_active++;
    host.stats.cx_total++;
    host.stats.cx_active++;
    let isOver = false;
    const end = () => {
      if (isOver) return false;
      isOver = true;
      return this.#connecting.delete(stop);
    };
    const cancel = connect(this, {
      onConnected: (connection) => {
        if (!end()) return connection.close();
        const expiresAt =
          limits.maxConnectionDurationMs > 0 ? clock.monotonic() + limits.maxConnectionDurationMs : Infinity;
        const pooled = new PooledConnection(connection, breaker, expiresAt);
        stats.upstream_cx_http1_total++;
        this.#open.set(connection, pooled);
        this.#offer(pooled);
      },
      onFailed: (error) => {
        if (end()) this.#connectFailed(breaker, error);
      },
    });
    const stop = () => {
      if (!end()) return;
      this.#forget(breaker);
      cancel();
    };
    this.#connecting.add(stop);
  }

  #connectFailed(breaker: Breaker, error: MeshError): void {
    const { stats, host } = this.#options;
    this.#forget(breaker);
    const isTimeout = error.code === 'connect_timeout';
    stats.upstream_cx_connect_fail++;
    host.stats.cx_connect_fail++;
    if (isTimeout) stats.upstream_cx_connect_timeout++;
    // All that wait hear of it, as in Envoy: a host that takes no connections must not hold requests.
    stats.upstream_rq_pending_failure_eject += this.#waiting.size;
    this.#failWaiting(isTimeout ? 'connectTimeout' : 'connectFailure', error);
  }

  /** A connection that never came to be is no longer counted. */
  #forget(breaker: Breaker): void {
    this.#options.stats.upstream_cx_active--;
    this.#options.host.stats.cx_active--;
    breaker.releaseConnection();
  }

  #failWaiting(failure: PoolFailure, error: MeshError): void {
    for (const waiting of Array.from(this.#waiting))
      if (this.#unqueue(waiting)) waiting.waiter.onFailure(failure, error);
  }

  #unqueue(waiting: Waiting): boolean {
    if (!this.#waiting.delete(waiting)) return false;
    waiting.breaker.releasePending();
    this.#options.stats.upstream_rq_pending_active--;
    return true;
  }

  #overflow(reason: string): MeshError {
    return new MeshError('resource_exhausted', `circuit breaker open for ${this.#options.host.key}: ${reason}`);
  }

  #expire(pooled: PooledConnection): void {
    const isTooOld = pooled.isTooOld(this.#options.clock.monotonic());
    this.#options.stats[isTooOld ? 'upstream_cx_max_duration_reached' : 'upstream_cx_idle_timeout']++;
    pooled.connection.close();
  }
}
