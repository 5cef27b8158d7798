import type { NamedSource } from '../net/listening-socket.ts';
import type { Endpoint, Locality } from '../snapshot/endpoints.ts';
import type { BalancedHost } from './balancers/balancer.ts';
import type { ConnectionPool } from './connection-pool.ts';
import type { UpstreamProtocol } from './upstream-protocol.ts';
import { OutlierMonitor } from './outlier-monitor.ts';
import type { LocalResult } from './outlier-reports.ts';

/** What a host counts; Envoy's names. The pool keeps the connections', the attempt the requests'. */
export type HostStats = {
  cx_total: number;
  cx_active: number;
  cx_connect_fail: number;
  rq_total: number;
  rq_success: number;
  rq_error: number;
  rq_timeout: number;
};

const noPools: ReadonlyMap<UpstreamProtocol, ConnectionPool> = new Map();

/** Where a host stands in its cluster. `inNameOf`: connections to it are made in the name of another. */
export type HostPlace = Readonly<{ locality: Locality; priority: number; inNameOf?: NamedSource | null }>;

/** What a host needs of its cluster. */
export interface HostOwner {
  /** A pool of its connections; the key tells apart what must not share connections, as server names do. */
  createPool(host: Host, protocol: UpstreamProtocol): ConnectionPool;
  reportStatus(host: Host, status: number): void;
  reportLocal(host: Host, result: LocalResult): void;
}

/**
 * One endpoint of a cluster. It stays the same object as long as an endpoint of its address and port is there, whatever else changes
 * of it, and so keeps its requests under way, its ejection and its pools. Its cluster owns it: the endpoint set sets its place,
 * the outlier detector its monitor, the pools its counts.
 */
export class Host implements BalancedHost {
  /** `address:port`, `[v6]:port` or the path of a unix socket: as it is hashed, logged and shown. */
  readonly key: string;
  readonly address: string;
  readonly port: number;
  readonly monitor = new OutlierMonitor();
  readonly stats: HostStats = {
    cx_total: 0,
    cx_active: 0,
    cx_connect_fail: 0,
    rq_total: 0,
    rq_success: 0,
    rq_error: 0,
    rq_timeout: 0,
  };
  /** Requests under way to it from here. */
  activeRequests = 0;
  /** It refused: until then (monotonic, ms) others are asked, if there are any. 0: it did not. Set by `SparedHosts`. */
  restsUntil = 0;
  /** It left the cluster: what is under way ends, nothing new begins. */
  isRemoved = false;
  #endpoint: Endpoint;
  #place: HostPlace;
  readonly #owner: HostOwner;
  /** Null until the first: most hosts of a large mesh are never called from here, and an empty map takes 200 octets. */
  #pools: Map<UpstreamProtocol, ConnectionPool> | null = null;

  constructor(endpoint: Endpoint, place: HostPlace, owner: HostOwner) {
    this.key = hostKey(endpoint);
    this.address = endpoint.address;
    this.port = endpoint.port;
    this.#endpoint = endpoint;
    this.#place = place;
    this.#owner = owner;
  }

  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  get locality(): Locality {
    return this.#place.locality;
  }

  get priority(): number {
    return this.#place.priority;
  }

  /** In whose name connections to it are made; null: in ours. */
  get inNameOf(): NamedSource | null {
    return this.#place.inNameOf ?? null;
  }

  get weight(): number {
    return Math.max(1, this.#endpoint.weight);
  }

  get isHealthy(): boolean {
    return this.#endpoint.health === 'healthy' && !this.monitor.isEjected;
  }

  get isDegraded(): boolean {
    return this.#endpoint.health === 'degraded' && !this.monitor.isEjected;
  }

  /** Takes what is new of its endpoint. */
  update(endpoint: Endpoint, place: HostPlace): void {
    this.#endpoint = endpoint;
    this.#place = place;
  }

  /** Tells outlier detection of a response (for gRPC: the status that its code maps to). */
  reportStatus(status: number): void {
    this.#owner.reportStatus(this, status);
  }

  /** Tells outlier detection how an attempt ended, or that its connection came to be. */
  reportLocal(result: LocalResult): void {
    this.#owner.reportLocal(this, result);
  }

  /** Its connections that speak this. */
  pool(protocol: UpstreamProtocol): ConnectionPool {
    const pools = (this.#pools ??= new Map());
    const known = pools.get(protocol);
    if (known !== undefined) return known;
    const pool = this.#owner.createPool(this, protocol);
    pools.set(protocol, pool);
    return pool;
  }

  /** Its pools, for the admin API. */
  get pools(): ReadonlyMap<UpstreamProtocol, ConnectionPool> {
    return this.#pools ?? noPools;
  }

  /** Gives up its idle connections: one of them was found dead. */
  renewPools(): void {
    for (const pool of this.pools.values()) pool.renew();
  }

  /** Ends its pools in good order; the next request makes new ones. */
  drainPools(): void {
    for (const pool of this.pools.values()) pool.drain();
    this.#pools = null;
  }

  /** Closes its connections at once. */
  closePools(): void {
    for (const pool of this.pools.values()) pool.close();
    this.#pools = null;
  }
}

/** How an endpoint is named. */
export function hostKey({ address, port }: Readonly<{ address: string; port: number }>): string {
  if (port === 0) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
