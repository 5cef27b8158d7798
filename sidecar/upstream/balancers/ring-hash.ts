import assert from 'node:assert/strict';
import type { Random } from '#shared/runtime/random.ts';
import type { BalancedHost, Balancer } from './balancer.ts';
import { murmurHash2 } from './murmur-hash.ts';
import { xxHash64 } from './xxhash64.ts';

/** How the ring is made. */
export type RingOptions = Readonly<{
  minimumSize: number;
  maximumSize: number;
  hashFunction: 'xxHash' | 'murmur2';
}>;

type Point = Readonly<{ hash: bigint; index: number }>;

/**
 * Consistent hashing over Envoy's ring: each host stands at the hashes of `key_0`, `key_1`, ... in proportion to its weight,
 * and a request goes to the first point at or after its hash. Equal to Envoy's, so that a key meets the same host through both.
 */
export class RingHash<H extends BalancedHost> implements Balancer<H> {
  readonly #hosts: readonly H[];
  readonly #random: Random;
  /** The points in order, as two halves: comparing numbers is cheaper than comparing bigints. */
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  readonly #owners: Uint32Array;

  constructor(hosts: readonly H[], options: RingOptions, random: Random) {
    this.#hosts = hosts;
    this.#random = random;
    const points = layOut(hosts, options);
    this.#high = Uint32Array.from(points, (point) => Number(point.hash >> 32n));
    this.#low = Uint32Array.from(points, (point) => Number(point.hash & 0xffff_ffffn));
    this.#owners = Uint32Array.from(points, (point) => point.index);
  }

  /** How many points the ring has. */
  get size(): number {
    return this.#owners.length;
  }

  pick(hash: bigint | null, attempt: number): H {
    // Without a key any place of the ring, so that weights count there too.
    const found =
      hash === null
        ? this.#find(this.#random() * 0x1_0000_0000, 0)
        : this.#find(Number(hash >> 32n), Number(hash & 0xffff_ffffn));
    const host = this.#hosts[this.#owners[(found + attempt) % this.#owners.length] ?? 0];
    assert(host !== undefined, 'a ring has at least one host');
    return host;
  }

  /** The first point that is not before the hash; after the last comes the first. */
  #find(high: number, low: number): number {
    let from = 0;
    let to = this.#high.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const pointHigh = this.#high[middle] ?? 0;
      if (pointHigh < high || (pointHigh === high && (this.#low[middle] ?? 0) < low)) from = middle + 1;
      else to = middle;
    }
    return from === this.#high.length ? 0 : from;
  }
}

/** The points in the order of their hashes. The running sums are Envoy's, so that fractions of points fall to the same hosts. */
function layOut(hosts: readonly BalancedHost[], options: RingOptions): Point[] {
  const hashOf = options.hashFunction === 'murmur2' ? murmurHash2 : xxHash64;
  const sum = hosts.reduce((total, host) => total + host.weight, 0);
  const smallest = hosts.reduce((least, host) => Math.min(least, host.weight), Number.POSITIVE_INFINITY) / sum;
  const scale = Math.min(Math.ceil(smallest * options.minimumSize) / smallest, options.maximumSize);
  const points: Point[] = [];
  let target = 0;
  for (const [index, host] of hosts.entries()) {
    target += scale * (host.weight / sum);
    for (let n = 0; points.length < target; n++) points.push({ hash: hashOf(`${host.key}_${n}`), index });
  }
  return points.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0));
}
