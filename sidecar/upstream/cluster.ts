/**
 * A cluster: endpoints that offer the same, and all that is known of them here. In come its configuration and endpoints, again and
 * again; out come hosts for requests.
 *
 *   pick(context) -> Host -> pool(key) -> stream          host.reportStatus / reportLocal -> outlier detection
 *
 * It outlives its configuration: a new one keeps the hosts, their pools (unless the transport changed), counters, breakers and
 * ejections. It owns its hosts, breakers, detector and numbers; whoever made it calls `close`.
 */
import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { Resolve } from '../net/dns.ts';
import type { ClusterConfig, Discovery, UpstreamTransport } from '../snapshot/cluster.ts';
import type { Endpoints } from '../snapshot/endpoints.ts';
import { Breaker, type BreakerTable } from './circuit.ts';
import { createClusterStats, type ClusterStats } from './cluster-stats.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { DnsEndpoints } from './dns-endpoints.ts';
import { EndpointSet } from './endpoint-set.ts';
import { HealthWindow } from './health-window.ts';
import type { Host, HostOwner } from './host.ts';
import { OriginalHosts, type OriginalDestination } from './original-hosts.ts';
import type { LocalResult } from './outlier-reports.ts';
import type { OutlierStats } from './outlier-stats.ts';
import { OutlierWatch, type HostJudge } from './outlier-watch.ts';
import type { OutlierEvent } from './outlier.ts';
import { SparedHosts } from './spared-hosts.ts';
import { transportOf } from './transport-match.ts';
import type { UpstreamProtocol } from './upstream-protocol.ts';

/** What the pool of a host is made for. */
export type PoolScope = Readonly<{
  host: Host;
  protocol: UpstreamProtocol;
  transport: UpstreamTransport;
  config: ClusterConfig;
  stats: ClusterStats;
}>;

/** What a cluster shares with those of its name in other threads. */
export type SharedState = Readonly<{
  breakers: Readonly<{ default: BreakerTable; high: BreakerTable }>;
  /** `onChange` is called when a host's `monitor.isEjected` changed. */
  judge: (hosts: () => ReadonlyMap<string, Host>, onChange: () => void) => HostJudge<Host>;
}>;

/** What clusters are made with. */
export type ClusterContext = Readonly<{
  clock: Clock;
  random: Random;
  resolve: Resolve;
  createPool: (scope: PoolScope) => ConnectionPool;
  onOutlierEvent: (cluster: string, event: OutlierEvent<Host>) => void;
  /** How long changes of health are gathered before they take effect (see `HealthWindow`); absent: not at all. */
  healthWindowMs?: (() => number) | undefined;
  /** Whether hosts to be avoided are avoided while there are others (see `SparedHosts`); absent: no. */
  sparesRefusing?: (() => boolean) | undefined;
  /** Null, or absent: a cluster keeps to itself. */
  shared?: ((cluster: string) => SharedState | null) | undefined;
}>;

/** What a host is chosen by. */
export type PickContext = Readonly<{
  /** The hash of the request's key; null or absent without one. */
  hash?: bigint | null | undefined;
  /** Hosts that were tried already and are to be avoided. */
  exclude?: ReadonlySet<Host> | undefined;
  /** How often to choose again when an excluded host was chosen; then the last choice stands, or anybody else's (`sparesRefusing`). */
  attempts?: number | undefined;
  /** Where an original-destination cluster is to go. */
  destination?: OriginalDestination | null | undefined;
}>;

/** One cluster. */
export class Cluster implements HostOwner {
  readonly breakers: Readonly<{ default: Breaker; high: Breaker }>;
  readonly #context: ClusterContext;
  readonly #endpoints: EndpointSet;
  readonly #original: OriginalHosts;
  readonly #spared: SparedHosts;
  readonly #outlier: HostJudge<Host>;
  readonly #healthWindow: HealthWindow;
  readonly #stats = createClusterStats();
  #config: ClusterConfig;
  #dns: DnsEndpoints | null = null;

  constructor(config: ClusterConfig, endpoints: Endpoints | null, context: ClusterContext) {
    this.#config = config;
    this.#context = context;
    const shared = context.shared?.(config.name) ?? null;
    this.breakers = {
      default: new Breaker(config.breakers.default, shared?.breakers.default),
      high: new Breaker(config.breakers.high, shared?.breakers.high),
    };
    this.#endpoints = new EndpointSet(config, context.random, this);
    this.#original = new OriginalHosts(this, context.clock, () => this.#membersChanged());
    const { clock, random } = context;
    this.#spared = new SparedHosts(clock, context.sparesRefusing ?? (() => false));
    this.#outlier =
      shared?.judge(
        () => this.hosts,
        () => this.#healthChanged(),
      ) ??
      new OutlierWatch({
        clock,
        random,
        hosts: () => this.hosts.values(),
        onEvent: (event) => {
          this.#healthChanged();
          context.onOutlierEvent(this.#config.name, event);
        },
      });
    this.#healthWindow = new HealthWindow({
      clock,
      windowMs: context.healthWindowMs ?? (() => 0),
      apply: () => this.#endpoints.refresh(),
    });
    this.#outlier.configure(config.outlier);
    this.#discover(endpoints, true);
  }

  get config(): ClusterConfig {
    return this.#config;
  }

  /** All hosts, whatever their health. */
  get hosts(): ReadonlyMap<string, Host> {
    return this.#config.discovery.kind === 'originalDst' ? this.#original.hosts : this.#endpoints.hosts;
  }

  /** Takes a new configuration, and the endpoints of EDS; null keeps those that are known. */
  update(config: ClusterConfig, endpoints: Endpoints | null): void {
    const before = this.#config;
    this.#config = config;
    this.breakers.default.update(config.breakers.default);
    this.breakers.high.update(config.breakers.high);
    this.#outlier.configure(config.outlier);
    if (selectionText(config) !== selectionText(before)) this.#endpoints.configure(config);
    if (connectionText(config) !== connectionText(before)) for (const host of this.hosts.values()) host.drainPools();
    this.#discover(endpoints, JSON.stringify(config.discovery) !== JSON.stringify(before.discovery));
  }

  /** A host for a request. Null: nobody may be used (flag UH). */
  pick(context: PickContext): Host | null {
    if (this.#config.discovery.kind === 'originalDst') return this.#pickOriginal(this.#config.discovery, context);
    const hash = context.hash ?? null;
    const host = this.#endpoints.pick(hash, 0);
    if (host === null) this.#stats.upstream_cx_none_healthy++;
    else if (context.exclude !== undefined || host.restsUntil !== 0)
      return this.#spared.choose(this.#endpoints, host, {
        hash,
        exclude: context.exclude,
        attempts: context.attempts ?? 0,
      });
    return host;
  }

  /** The host took no connection, or refused a request unseen: for a moment others are asked, if there are any. */
  spare(host: Host): void {
    this.#spared.spare(host);
  }

  /** The numbers, counted up to now; the object is the cluster's own, to be read or to be counted in by the attempt. */
  get stats(): ClusterStats {
    this.#stats.lb_healthy_panic = this.#endpoints.panicPicks;
    return this.#stats;
  }

  /** What outlier detection counted; null where there is none, or another thread counts. */
  get outlierStats(): OutlierStats | null {
    return this.#outlier.stats;
  }

  /** Names that are not resolved at present, and why. */
  dnsProblems(): ReadonlyMap<string, string> {
    return this.#dns?.problems() ?? new Map();
  }

  /** The cluster is gone: its connections end when their requests are done. */
  close(): void {
    this.#stop();
    for (const host of this.hosts.values()) host.drainPools();
  }

  /** Ends everything at once (the deadline of a drain). */
  destroy(): void {
    this.#stop();
    for (const host of this.hosts.values()) host.closePools();
  }

  createPool(host: Host, protocol: UpstreamProtocol): ConnectionPool {
    const transport = transportOf(this.#config, host.endpoint.transportLabels);
    return this.#context.createPool({ host, protocol, transport, config: this.#config, stats: this.#stats });
  }

  reportStatus(host: Host, status: number): void {
    this.#outlier.reportStatus(host, status);
  }

  reportLocal(host: Host, result: LocalResult): void {
    this.#outlier.reportLocal(host, result);
  }

  #pickOriginal(discovery: Extract<Discovery, { kind: 'originalDst' }>, { destination }: PickContext): Host | null {
    if (destination !== null && destination !== undefined)
      return this.#original.hostOf({ ...destination, port: discovery.portOverride ?? destination.port });
    this.#stats.upstream_cx_none_healthy++;
    return null;
  }

  /** `isNew`: the hosts are found otherwise than before. */
  #discover(endpoints: Endpoints | null, isNew: boolean): void {
    const { discovery } = this.#config;
    if (isNew) {
      this.#dns?.close();
      this.#dns = null;
    }
    if (discovery.kind === 'eds') {
      if (endpoints !== null) this.#take(endpoints);
    } else if (isNew && discovery.kind === 'static') this.#take(discovery.endpoints);
    else if (isNew && discovery.kind !== 'originalDst' && discovery.kind !== 'static')
      this.#dns = new DnsEndpoints(discovery, {
        resolve: this.#context.resolve,
        clock: this.#context.clock,
        onEndpoints: (found) => this.#take(found),
      });
  }

  #take(endpoints: Endpoints): void {
    const labels = new Map([...this.hosts.values()].map((host) => [host, host.endpoint.transportLabels]));
    const isFirst = this.hosts.size === 0;
    const { added, removed } = this.#endpoints.update(endpoints);
    if (!isFirst && added.length + removed.length > 0) this.#healthWindow.membersChanged();
    for (const host of removed) host.drainPools();
    // Other labels may choose another transport: what is open over the old one must not carry on.
    for (const host of this.hosts.values()) {
      const before = labels.get(host);
      if (before !== undefined && transportOf(this.#config, before) !== this.#transportOf(host)) host.drainPools();
    }
    this.#membersChanged();
  }

  #transportOf(host: Host): UpstreamTransport {
    return transportOf(this.#config, host.endpoint.transportLabels);
  }

  #healthChanged(): void {
    this.#healthWindow.healthChanged();
    this.#countMembers();
  }

  #membersChanged(): void {
    this.#outlier.hostsChanged();
    this.#stats.membership_change++;
    this.#countMembers();
  }

  #countMembers(): void {
    const isOriginal = this.#config.discovery.kind === 'originalDst';
    this.#stats.membership_total = this.hosts.size;
    this.#stats.membership_healthy = isOriginal ? this.hosts.size : this.#endpoints.healthyCount;
    this.#stats.membership_degraded = isOriginal ? 0 : this.#endpoints.degradedCount;
  }

  #stop(): void {
    this.#dns?.close();
    this.#original.close();
    this.#outlier.close();
    this.#healthWindow.close();
  }
}

/** What hosts are chosen by: when it changes, balancers are made anew. */
function selectionText({ balancer, panicThreshold }: ClusterConfig): string {
  return JSON.stringify([balancer, panicThreshold]);
}

/** What connections are made of: when it changes, those that are open end after their request. */
function connectionText(config: ClusterConfig): string {
  const { transport, transportMatches, http, sourceAddresses, tcpKeepalive, connectTimeoutMs } = config;
  return JSON.stringify([transport, transportMatches, http, sourceAddresses, tcpKeepalive, connectTimeoutMs]);
}
