/**
 * The HTTP connections to one host over one transport. A stream goes to a connection that others use already and that takes more
 * (HTTP/2), else to the one that became idle last, else to a new one within the breaker's limits, else it waits for the first that is
 * free. Idle connections are closed after their time, or as soon as the peer closes them, so that a request meets a dead one as seldom
 * as can be.
 *
 *   newStream -> shared | idle connection | waiting + connect -> onReady | onFailure
 *
 * The pool owns its connections and keeps the cluster's and the host's counts of connections and requests under way. It reports
 * nothing to outlier detection: the attempt does, for it knows how its request ended.
 */
import { MeshError } from '#shared/runtime/mesh-error.ts';
import type { ClientConnection, ClientConnectionHandler } from '../net/http-stream.ts';
import type { Breaker } from './circuit.ts';
import type { ConnectionPool, PendingStream, StreamWaiter } from './connection-pool.ts';
import type { PoolOptions } from './http-pool-options.ts';
import { IdleConnections } from './idle-connections.ts';
import { PooledConnection } from './pooled-connection.ts';
import { WaitingStreams } from './waiting-streams.ts';

/** The part of a connection's age that chance may take off, so that those of one moment do not end in one. */
const ageJitter = 0.1;

/** The pool of one host. */
export class HttpPool implements ConnectionPool, ClientConnectionHandler {
  readonly #options: PoolOptions;
  /** Open connections, busy and idle. */
  readonly #open = new Map<ClientConnection, PooledConnection>();
  readonly #idle: IdleConnections;
  /** Busy ones that take more streams; mostly one. */
  readonly #shared: PooledConnection[] = [];
  /** Streams that a connection takes: as configured, then as the last one did. */
  #expectedStreams: number;
  readonly #connecting = new Set<() => void>();
  readonly #waiting: WaitingStreams;
  #isDraining = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#expectedStreams = options.limits.expectedStreams;
    this.#idle = new IdleConnections(options.clock, (pooled) => this.#expire(pooled));
    this.#waiting = new WaitingStreams(options.stats);
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
    const free = this.#takeShared(breaker) ?? this.#idle.take();
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
    const waiting = this.#waiting.add(waiter, breaker);
    this.#connectForWaiting();
    return waiting;
  }

  onCapacity(connection: ClientConnection): void {
    const pooled = this.#open.get(connection);
    if (pooled === undefined) return;
    this.#finishStreams(pooled, connection.activeStreams);
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
    this.#unshare(pooled);
    if (pooled.isBusy) stats.upstream_cx_destroy_with_active_rq++;
    this.#finishStreams(pooled, 0);
    stats.upstream_cx_destroy++;
    stats.upstream_cx_rx_bytes_total += connection.connection.bytesRead;
    stats.upstream_cx_tx_bytes_total += connection.connection.bytesWritten;
    stats.upstream_cx_active--;
    host.stats.cx_active--;
    pooled.breaker.releaseConnection();
    // Who waited for this connection needs another.
    this.#connectForWaiting();
  }

  renew(): void {
    for (const pooled of this.#idle.clear()) pooled.connection.close();
  }

  drain(): void {
    this.#isDraining = true;
    this.renew();
    this.#shared.length = 0;
    for (const { connection } of this.#open.values()) connection.drain();
    if (this.#waiting.size === 0) for (const stop of this.#connecting) stop();
  }

  close(): void {
    this.#isDraining = true;
    this.#idle.clear();
    this.#shared.length = 0;
    for (const stop of this.#connecting) stop();
    this.#waiting.fail('closed', new MeshError('closed', `the connections to ${this.#options.host.key} are given up`));
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
    this.#share(pooled);
    return true;
  }

  #takeShared(breaker: Breaker): PooledConnection | null {
    for (const pooled of this.#shared) if (pooled.takes(breaker)) return pooled;
    return null;
  }

  /** Keeps a busy connection for more streams as long as it takes any. */
  #share(pooled: PooledConnection): void {
    if (pooled.connection.capacity === 0 || this.#isDraining) this.#unshare(pooled);
    else if (!this.#shared.includes(pooled)) this.#shared.push(pooled);
  }

  #unshare(pooled: PooledConnection): void {
    const place = this.#shared.indexOf(pooled);
    if (place >= 0) this.#shared.splice(place, 1);
  }

  #finishStreams(pooled: PooledConnection, active: number): void {
    const ended = pooled.finish(active);
    this.#options.host.activeRequests -= ended;
    this.#options.stats.upstream_rq_active -= ended;
  }

  /** A connection takes streams: for those that wait longest, or it becomes idle. */
  #offer(pooled: PooledConnection): void {
    const { limits, clock, random, stats } = this.#options;
    const now = clock.monotonic();
    if (pooled.connection.isClosed || pooled.connection.capacity === 0) return this.#unshare(pooled);
    if (pooled.isTooOld(now)) {
      stats.upstream_cx_max_duration_reached++;
      this.#unshare(pooled);
      return pooled.connection.drain();
    }
    if (this.#waiting.size > 0 && this.#serveWaiting(pooled)) return;
    if (pooled.isBusy) return this.#share(pooled);
    this.#unshare(pooled);
    if (this.#isDraining) pooled.connection.close();
    else {
      pooled.rest(now, limits.idleTimeoutMs, random);
      this.#idle.add(pooled);
    }
  }

  /** True: it takes no more. */
  #serveWaiting(pooled: PooledConnection): boolean {
    for (const first of this.#waiting) {
      if (!pooled.takes(first.breaker)) continue;
      this.#waiting.remove(first);
      this.#attach(pooled, first.waiter, first.breaker);
      if (pooled.connection.capacity === 0) return true;
    }
    return false;
  }

  /** Opens as many connections as those that wait need. */
  #connectForWaiting(): void {
    for (const { breaker } of this.#waiting) {
      const missing = this.#waiting.size - this.#connecting.size * this.#expectedStreams;
      if (missing <= 0 || !this.#connect(breaker)) return;
    }
  }

  /** False: the breaker allows no more. */
  #connect(breaker: Breaker): boolean {
    const { stats, host, connect } = this.#options;
    if (!breaker.takeConnection()) {
      stats.upstream_cx_overflow++;
      // A host without any connection gets one, or its requests would wait for ever.
      if (this.connections > 0) return false;
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
        this.#connected(connection, breaker);
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
    return true;
  }

  #connected(connection: ClientConnection, breaker: Breaker): void {
    const { stats, clock, limits, random } = this.#options;
    const maxAgeMs = limits.maxConnectionDurationMs * (connection.protocol === 'http2' ? 1 - ageJitter * random() : 1);
    const pooled = new PooledConnection(connection, breaker, maxAgeMs > 0 ? clock.monotonic() + maxAgeMs : Infinity);
    stats[connection.protocol === 'http2' ? 'upstream_cx_http2_total' : 'upstream_cx_http1_total']++;
    this.#expectedStreams = Math.max(1, connection.capacity);
    this.#open.set(connection, pooled);
    this.#offer(pooled);
    this.#connectForWaiting();
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
    this.#waiting.fail(isTimeout ? 'connectTimeout' : 'connectFailure', error);
  }

  /** A connection that never came to be is no longer counted. */
  #forget(breaker: Breaker): void {
    this.#options.stats.upstream_cx_active--;
    this.#options.host.stats.cx_active--;
    breaker.releaseConnection();
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
