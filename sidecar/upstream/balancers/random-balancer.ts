import assert from 'node:assert/strict';
import type { Random } from '#shared/runtime/random.ts';
import type { BalancedHost, Balancer } from './balancer.ts';

/** Any host with equal chance. Envoy's random balancer has no weights. */
export class RandomBalancer<H extends BalancedHost> implements Balancer<H> {
  readonly #hosts: readonly H[];
  readonly #random: Random;

  constructor(hosts: readonly H[], random: Random) {
    this.#hosts = hosts;
    this.#random = random;
  }

  pick(): H {
    return drawHost(this.#hosts, this.#random);
  }
}

/** One host of the list, each with the same chance. */
export function drawHost<H>(hosts: readonly H[], random: Random): H {
  const host = hosts[(random() * hosts.length) | 0];
  assert(host !== undefined, 'a balancer has at least one host');
  return host;
}
