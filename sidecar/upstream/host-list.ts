import type { Random } from '#shared/runtime/random.ts';
import type { BalancerConfig } from '../snapshot/cluster.ts';
import { createBalancer, type BalancedHost, type Balancer } from './balancers/balancer.ts';
import { EdfScheduler } from './balancers/edf.ts';
import type { Host } from './host.ts';

/** Hosts of one locality that may be chosen, and how much of the priority's requests they should get. */
export type LocalityHosts = Readonly<{
  hosts: readonly Host[];
  /** The locality's weight, less the more of its hosts are unavailable. All 0: localities do not count. */
  weight: number;
}>;

/** Chooses among the hosts of a priority: a locality by weight first, if localities have weights, then one of its hosts. */
export interface HostList {
  pick(hash: bigint | null, attempt: number): Host | null;
}

/** The list for these localities. */
export function createHostList(config: BalancerConfig, localities: readonly LocalityHosts[], random: Random): HostList {
  const weighted = localities.filter(({ weight, hosts }) => weight > 0 && hosts.length > 0);
  if (weighted.length > 1)
    return config.kind === 'ringHash' || config.kind === 'maglev'
      ? new HashedLocalities(config, weighted, random)
      : new WeightedLocalities(config, weighted, random);
  const used = weighted.length === 1 ? weighted : localities;
  return new FlatList(
    config,
    used.flatMap(({ hosts }) => hosts),
    random,
  );
}

class FlatList implements HostList {
  readonly #balancer: Balancer<Host> | null;

  constructor(config: BalancerConfig, hosts: readonly Host[], random: Random) {
    const [first, ...rest] = hosts;
    this.#balancer = first === undefined ? null : createBalancer(config, [first, ...rest], random);
  }

  pick(hash: bigint | null, attempt: number): Host | null {
    return this.#balancer === null ? null : this.#balancer.pick(hash, attempt);
  }
}

/** Localities take turns by weight; each has a balancer of its own. */
class WeightedLocalities implements HostList {
  readonly #scheduler: EdfScheduler<Readonly<{ list: FlatList; weight: number }>>;

  constructor(config: BalancerConfig, localities: readonly LocalityHosts[], random: Random) {
    const entries = localities.map(({ hosts, weight }) => ({ list: new FlatList(config, hosts, random), weight }));
    this.#scheduler = new EdfScheduler(entries, (entry) => entry.weight);
    this.#scheduler.skip((random() * entries.length) | 0);
  }

  pick(hash: bigint | null, attempt: number): Host | null {
    return this.#scheduler.pick().list.pick(hash, attempt);
  }
}

/** A host whose weight in the ring or table is its share of its locality's. */
type Share = BalancedHost & Readonly<{ host: Host }>;

/** One ring or table for all localities, so that a key stays where it is. */
class HashedLocalities implements HostList {
  readonly #balancer: Balancer<Share> | null;

  constructor(config: BalancerConfig, localities: readonly LocalityHosts[], random: Random) {
    const [first, ...rest] = localities.flatMap(({ hosts, weight }) => {
      const sum = hosts.reduce((total, host) => total + host.weight, 0);
      return hosts.map((host): Share => ({
        key: host.key,
        weight: (weight * host.weight) / sum,
        activeRequests: 0,
        host,
      }));
    });
    this.#balancer = first === undefined ? null : createBalancer(config, [first, ...rest], random);
  }

  pick(hash: bigint | null, attempt: number): Host | null {
    return this.#balancer === null ? null : this.#balancer.pick(hash, attempt).host;
  }
}
