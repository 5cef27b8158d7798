import type { MeshError } from '#shared/runtime/mesh-error.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { ClientConnection, ClientConnectionHandler } from '../net/http-stream.ts';
import type { ClusterStats } from './cluster-stats.ts';
import type { HostStats } from './host.ts';

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
  /** Streams that a new connection is expected to take: no more connections are opened than these need. */
  expectedStreams: number;
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
