import type { Random } from '#shared/runtime/random.ts';
import type { BalancedHost, Balancer } from './balancer.ts';
import { EdfScheduler } from './edf.ts';
import { drawHost } from './random-balancer.ts';

/**
 * The power of choices: draws `choiceCount` hosts with replacement and takes the one with strictly fewer requests under way;
 * of equals the first drawn. With replacement, so an idle host beside a busy one gets three of four requests, not all.
 */
export class LeastRequest<H extends BalancedHost> implements Balancer<H> {
  readonly #hosts: readonly H[];
  readonly #choices: number;
  readonly #random: Random;

  constructor(hosts: readonly H[], choiceCount: number, random: Random) {
    this.#hosts = hosts;
    this.#choices = choiceCount;
    this.#random = random;
  }

  pick(): H {
    let best = drawHost(this.#hosts, this.#random);
    for (let drawn = 1; drawn < this.#choices; drawn++) {
      const host = drawHost(this.#hosts, this.#random);
      if (host.activeRequests < best.activeRequests) best = host;
    }
    return best;
  }
}

/** With weights: the scheduler, where a host weighs `weight / (active requests + 1) ^ bias` when it is put back. */
export class WeightedLeastRequest<H extends BalancedHost> implements Balancer<H> {
  readonly #scheduler: EdfScheduler<H>;

  constructor(hosts: readonly H[], bias: number, random: Random) {
    this.#scheduler = new EdfScheduler(hosts, (host) => effectiveWeight(host, bias));
    this.#scheduler.skip((random() * hosts.length) | 0);
  }

  pick(): H {
    return this.#scheduler.pick();
  }
}

function effectiveWeight(host: BalancedHost, bias: number): number {
  if (host.activeRequests === 0 || bias === 0) return host.weight;
  return bias === 1 ? host.weight / (host.activeRequests + 1) : host.weight / Math.pow(host.activeRequests + 1, bias);
}
