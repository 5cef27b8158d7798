import assert from 'node:assert/strict';
import type { Random } from '#shared/runtime/random.ts';
import type { BalancedHost, Balancer } from './balancer.ts';
import { EdfScheduler } from './edf.ts';

/** One host after the other, from a random one on: many proxies that start together do not all begin with the same. */
export class RoundRobin<H extends BalancedHost> implements Balancer<H> {
  readonly #hosts: readonly H[];
  #next: number;

  constructor(hosts: readonly H[], random: Random) {
    this.#hosts = hosts;
    this.#next = (random() * hosts.length) | 0;
  }

  pick(): H {
    const host = this.#hosts[this.#next];
    assert(host !== undefined, 'a balancer has at least one host');
    this.#next = this.#next + 1 === this.#hosts.length ? 0 : this.#next + 1;
    return host;
  }
}

/** Round robin by weight. */
export class WeightedRoundRobin<H extends BalancedHost> implements Balancer<H> {
  readonly #scheduler: EdfScheduler<H>;

  constructor(hosts: readonly H[], random: Random) {
    this.#scheduler = new EdfScheduler(hosts, weightOf);
    this.#scheduler.skip((random() * hosts.length) | 0);
  }

  pick(): H {
    return this.#scheduler.pick();
  }
}

function weightOf(host: BalancedHost): number {
  return host.weight;
}
