/**
 * The hosts of a cluster and the choice among them. In come the endpoints of EDS, DNS or the cluster itself, and word that the
 * health of hosts changed; out comes a host for a request:
 *
 *   priority (by health, panic) -> locality (by weight) -> balancer -> host
 *
 * Hosts keep their identity over updates: the same address and port is the same object. Balancers are made anew when what they
 * balance over changed, and not before they are needed.
 */
import type { Random } from '#shared/runtime/random.ts';
import type { BalancerConfig } from '../snapshot/cluster.ts';
import type { Endpoints, LocalityEndpoints } from '../snapshot/endpoints.ts';
import { createHostList, type HostList, type LocalityHosts } from './host-list.ts';
import { Host, hostKey, type HostOwner } from './host.ts';
import { distributeLoad, type PriorityLoad } from './priority-load.ts';

/** How hosts are chosen. */
export type SelectionConfig = Readonly<{ balancer: BalancerConfig; panicThreshold: number }>;

/** What an update did. */
export type Membership = Readonly<{ added: readonly Host[]; removed: readonly Host[] }>;

type PlacedLocality = Readonly<{ weight: number; hosts: readonly Host[] }>;
type Audience = 'healthy' | 'degraded' | 'all';

/** Hosts by locality. */
type ByLocality = readonly (readonly Host[])[];

/** A priority: its localities, who of them could be used at the last refresh, and the lists that were needed since. */
type Level = {
  readonly localities: PlacedLocality[];
  /** Null until somebody is picked. */
  lists: Map<Audience, HostList> | null;
  healthy: ByLocality;
  degraded: ByLocality;
};

const nobody: readonly Host[] = [];
const noEndpoints: Endpoints = { clusterName: '', localities: [], overprovisioningFactor: 140 };

/** The hosts of one cluster. */
export class EndpointSet {
  readonly #random: Random;
  readonly #owner: HostOwner;
  #config: SelectionConfig;
  #hosts: ReadonlyMap<string, Host> = new Map();
  #levels: readonly Level[] = [];
  #endpoints: Endpoints = noEndpoints;
  #load: PriorityLoad = { healthy: [], degraded: [], panic: [] };
  #panicPicks = 0;

  constructor(config: SelectionConfig, random: Random, owner: HostOwner) {
    this.#config = config;
    this.#random = random;
    this.#owner = owner;
  }

  /** By `address:port`. */
  get hosts(): ReadonlyMap<string, Host> {
    return this.#hosts;
  }

  get healthyCount(): number {
    return count(this.#hosts, (host) => host.isHealthy);
  }

  get degradedCount(): number {
    return count(this.#hosts, (host) => host.isDegraded);
  }

  /** How often all hosts were balanced over because too few were healthy. */
  get panicPicks(): number {
    return this.#panicPicks;
  }

  /** How requests are spread over priorities now. */
  get load(): PriorityLoad {
    return this.#load;
  }

  /** Other settings for the same hosts. */
  configure(config: SelectionConfig): void {
    this.#config = config;
    this.refresh();
  }

  /** Takes the endpoints that are there now. Hosts that are gone are marked; their pools are the caller's to end. */
  update(endpoints: Endpoints): Membership {
    const before = this.#hosts;
    const hosts = new Map<string, Host>();
    const added: Host[] = [];
    const levels: Level[] = [];
    for (const group of endpoints.localities) {
      while (levels.length <= group.priority) levels.push({ localities: [], lists: null, healthy: [], degraded: [] });
      const placed = this.#place(group, hosts, added);
      levels[group.priority]?.localities.push({ weight: group.weight, hosts: placed });
    }
    const removed = [...before.values()].filter((host) => hosts.get(host.key) !== host);
    for (const host of removed) host.isRemoved = true;
    this.#hosts = hosts;
    this.#levels = levels;
    this.#endpoints = endpoints;
    this.refresh();
    return { added, removed };
  }

  /** The health that hosts have now takes effect: until the next time, changes of it do not count. */
  refresh(): void {
    for (const level of this.#levels) {
      level.lists = null;
      level.healthy = level.localities.map(({ hosts }) => those(hosts, (host) => host.isHealthy));
      level.degraded = level.localities.map(({ hosts }) => those(hosts, (host) => host.isDegraded));
    }
    this.#load = distributeLoad(
      this.#levels.map(toHealth),
      this.#endpoints.overprovisioningFactor,
      this.#config.panicThreshold,
    );
  }

  /** A host, or null when nobody may be used. `attempt`: how often a host was rejected for this request. */
  pick(hash: bigint | null, attempt: number): Host | null {
    const { healthy, degraded, panic } = this.#load;
    if (healthy[0] === 100) return this.#pickIn(0, panic[0] === true ? 'all' : 'healthy', hash, attempt);
    let left = hash === null ? (this.#random() * 100) | 0 : Number(hash % 100n);
    for (let priority = 0; priority < healthy.length; priority++) {
      left -= healthy[priority] ?? 0;
      if (left < 0) return this.#pickIn(priority, panic[priority] === true ? 'all' : 'healthy', hash, attempt);
    }
    for (let priority = 0; priority < degraded.length; priority++) {
      left -= degraded[priority] ?? 0;
      if (left < 0) return this.#pickIn(priority, panic[priority] === true ? 'all' : 'degraded', hash, attempt);
    }
    return null;
  }

  /** Any usable host that is not avoided, of the first priority that has one; null if none has. */
  other(isAvoided: (host: Host) => boolean): Host | null {
    for (const audience of ['healthy', 'degraded'] as const) {
      for (const level of this.#levels) {
        const left = level[audience].flat().filter((host) => !isAvoided(host));
        if (left.length > 0) return left[(this.#random() * left.length) | 0] ?? null;
      }
    }
    return null;
  }

  #pickIn(priority: number, audience: Audience, hash: bigint | null, attempt: number): Host | null {
    const level = this.#levels[priority];
    if (level === undefined) return null;
    if (audience === 'all') this.#panicPicks++;
    const lists = (level.lists ??= new Map());
    let list = lists.get(audience);
    if (list === undefined) {
      list = createHostList(this.#config.balancer, this.#localitiesOf(level, audience), this.#random);
      lists.set(audience, list);
    }
    return list.pick(hash, attempt);
  }

  #localitiesOf(level: Level, audience: Audience): LocalityHosts[] {
    return level.localities.map(({ hosts, weight }, i) => {
      const usable = audience === 'all' ? hosts : (level[audience][i] ?? []);
      const share = Math.min(100, (this.#endpoints.overprovisioningFactor * usable.length) / Math.max(1, hosts.length));
      return { hosts: usable, weight: weight * share };
    });
  }

  #place(group: LocalityEndpoints, hosts: Map<string, Host>, added: Host[]): Host[] {
    const placed: Host[] = [];
    for (const endpoint of group.endpoints) {
      const key = hostKey(endpoint);
      // Named twice, an endpoint counts once, where it was named first.
      if (hosts.has(key)) continue;
      const known = this.#hosts.get(key);
      const host = known ?? new Host(endpoint, group, this.#owner);
      if (known === undefined) added.push(host);
      else known.update(endpoint, group);
      hosts.set(key, host);
      placed.push(host);
    }
    return placed;
  }
}

/** Those of the hosts for whom it holds; all or none, as nearly always, take no list of their own. */
function those(hosts: readonly Host[], test: (host: Host) => boolean): readonly Host[] {
  const found = hosts.filter(test);
  return found.length === hosts.length ? hosts : found.length === 0 ? nobody : found;
}

function toHealth({ localities, healthy, degraded }: Level): { total: number; healthy: number; degraded: number } {
  const total = localities.reduce((sum, { hosts }) => sum + hosts.length, 0);
  return { total, healthy: size(healthy), degraded: size(degraded) };
}

function size(hosts: ByLocality): number {
  return hosts.reduce((sum, { length }) => sum + length, 0);
}

function count(hosts: ReadonlyMap<string, Host>, test: (host: Host) => boolean): number {
  let found = 0;
  for (const host of hosts.values()) if (test(host)) found++;
  return found;
}
