import assert from 'node:assert/strict';
import { FakeClock } from '#shared/runtime/clock.ts';
import { MeshError, type MeshErrorCode } from '#shared/runtime/mesh-error.ts';
import type { ClientConnection, ClientConnectionHandler, ClientStream } from '../net/http-stream.ts';
import type { Connection } from '../transport/transport.ts';
import { defaultThresholds, type Thresholds } from '../snapshot/cluster.ts';
import { Breaker } from './circuit.ts';
import { createClusterStats } from './cluster-stats.ts';
import type { ConnectHandler, PoolLimits } from './http-pool-options.ts';
import { HttpPool } from './http-pool.ts';

/** A connection whose stream ends when the test says so. */
export class FakeConnection implements ClientConnection {
  readonly connection = { bytesRead: 10, bytesWritten: 20 } as Connection;
  readonly name: string;
  readonly protocol: 'http1' | 'http2';
  /** How many streams it takes at once. */
  streams: number;
  activeStreams = 0;
  isClosed = false;
  isDrained = false;
  requestCount = 0;
  readonly #events: ClientConnectionHandler;

  constructor(name: string, events: ClientConnectionHandler, streams: number) {
    this.name = name;
    this.#events = events;
    this.streams = streams;
    this.protocol = streams > 1 ? 'http2' : 'http1';
  }

  get capacity(): number {
    return this.isClosed || this.isDrained ? 0 : this.streams - this.activeStreams;
  }

  open(): ClientStream {
    assert.ok(this.capacity > 0);
    this.activeStreams++;
    this.requestCount++;
    return {} as ClientStream;
  }

  /** A stream ends. */
  finish(): void {
    this.activeStreams--;
    if (this.isDrained && this.activeStreams === 0) return this.close();
    this.#events.onCapacity(this);
  }

  /** The peer allows so many streams. */
  allow(streams: number): void {
    this.streams = streams;
    this.#events.onCapacity(this);
  }

  keepAlive(ms: number): void {
    this.#events.onKeepAliveHint(this, ms);
  }

  drain(): void {
    this.isDrained = true;
    if (this.activeStreams === 0) this.close();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#events.onClose(this);
  }
}

/** A connection that was asked for. */
class Attempt {
  isCancelled = false;
  readonly #name: string;
  readonly #events: ClientConnectionHandler;
  readonly #handler: ConnectHandler;

  constructor(name: string, events: ClientConnectionHandler, handler: ConnectHandler) {
    this.#name = name;
    this.#events = events;
    this.#handler = handler;
  }

  connected(streams = 1): FakeConnection {
    const connection = new FakeConnection(this.#name, this.#events, streams);
    this.#handler.onConnected(connection);
    return connection;
  }

  failed(code: MeshErrorCode): void {
    this.#handler.onFailed(new MeshError(code, code));
  }
}

/** A pool whose connections come when the test says so. */
export function setUp(limits: Partial<PoolLimits> = {}, thresholds: Partial<Thresholds> = {}) {
  const clock = new FakeClock();
  const stats = createClusterStats();
  const breaker = new Breaker({ ...defaultThresholds, ...thresholds });
  const host = {
    key: '10.0.0.1:80',
    activeRequests: 0,
    stats: { cx_total: 0, cx_active: 0, cx_connect_fail: 0, rq_total: 0, rq_success: 0, rq_error: 0, rq_timeout: 0 },
  };
  const attempts: Attempt[] = [];
  const pool = new HttpPool({
    host,
    stats,
    clock,
    random: () => 0,
    limits: {
      maxRequestsPerConnection: 0,
      idleTimeoutMs: 3_000,
      maxConnectionDurationMs: 0,
      expectedStreams: 1,
      ...limits,
    },
    connect: (events, handler) => {
      const attempt = new Attempt(`c${attempts.length}`, events, handler);
      attempts.push(attempt);
      return () => {
        attempt.isCancelled = true;
      };
    },
  });
  const log: string[] = [];
  const ask = (name: string, under = breaker) =>
    pool.newStream(
      {
        onReady: (connection) => {
          connection.open({} as never);
          log.push(`${name} on ${(connection as FakeConnection).name}`);
        },
        onFailure: (failure, error) => log.push(`${name} ${failure} ${error.code}`),
      },
      under,
    );
  const connect = (n: number, streams?: number) => {
    const attempt = attempts[n];
    assert.ok(attempt);
    return attempt.connected(streams);
  };
  return { clock, stats, breaker, host, attempts, pool, log, ask, connect };
}
