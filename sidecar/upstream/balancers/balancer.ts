/**
 * Balancers choose one host of a fixed list. A list is what one locality of one priority has to offer at one time: when it
 * changes (membership, health, weights) a new balancer is made. In come the hosts and the randomness, out goes a host; the
 * hosts belong to the endpoint set, a balancer only reads their weight and their active requests.
 *
 * round-robin and least-request turn to the weighted scheduler (edf.ts) when weights differ; ring-hash and maglev map a key to
 * a host, and take a random place of the ring or table without a key.
 */
import type { Random } from '#shared/runtime/random.ts';
import type { BalancerConfig } from '../../snapshot/cluster.ts';
import { LeastRequest, WeightedLeastRequest } from './least-request.ts';
import { Maglev } from './maglev.ts';
import { RandomBalancer } from './random-balancer.ts';
import { RingHash } from './ring-hash.ts';
import { RoundRobin, WeightedRoundRobin } from './round-robin.ts';

/** What a balancer reads of a host. */
export interface BalancedHost {
  /** `address:port`, as it is hashed. */
  readonly key: string;
  readonly weight: number;
  readonly activeRequests: number;
}

/** Chooses hosts of a list that is not empty. */
export interface Balancer<H extends BalancedHost> {
  /** `hash`: the key's hash, or null without one. `attempt`: how often the same request was answered by a host it rejected. */
  pick(hash: bigint | null, attempt: number): H;
}

/** The balancer that the configuration names, over at least one host. */
export function createBalancer<H extends BalancedHost>(
  config: BalancerConfig,
  hosts: readonly [H, ...H[]],
  random: Random,
): Balancer<H> {
  const isWeighted = hosts.some((host) => host.weight !== hosts[0].weight);
  switch (config.kind) {
    case 'roundRobin':
      return isWeighted ? new WeightedRoundRobin(hosts, random) : new RoundRobin(hosts, random);
    case 'leastRequest':
      return isWeighted
        ? new WeightedLeastRequest(hosts, config.activeRequestBias, random)
        : new LeastRequest(hosts, config.choiceCount, random);
    case 'ringHash':
      return new RingHash(hosts, config, random);
    case 'maglev':
      return new Maglev(hosts, config.tableSize, random);
    case 'random':
    case 'clusterProvided':
      return new RandomBalancer(hosts, random);
  }
}
