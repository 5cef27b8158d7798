import assert from 'node:assert/strict';
import type { Random } from '#shared/runtime/random.ts';
import type { BalancedHost, Balancer } from './balancer.ts';
import { xxHash64 } from './xxhash64.ts';

type Builder = { index: number; weight: number; target: number; slot: number; skip: number };

/**
 * Maglev (Eisenbud et al., NSDI 2016, listing 1) with Envoy's weights and hashes: each host fills the table along its own
 * permutation, and a request's hash modulo the table's size, a prime, names its host.
 */
export class Maglev<H extends BalancedHost> implements Balancer<H> {
  readonly #hosts: readonly H[];
  readonly #random: Random;
  readonly #table: Int32Array;
  readonly #size: bigint;

  constructor(hosts: readonly H[], tableSize: number, random: Random) {
    this.#hosts = hosts;
    this.#random = random;
    this.#table = fillTable(hosts, tableSize);
    this.#size = BigInt(tableSize);
  }

  pick(hash: bigint | null, attempt: number): H {
    const slot = hash === null ? (this.#random() * this.#table.length) | 0 : this.#slotOf(hash, attempt);
    const host = this.#hosts[this.#table[slot] ?? 0];
    assert(host !== undefined, 'a table has at least one host');
    return host;
  }

  /** A host that was rejected: another key, far away, as Envoy makes it. */
  #slotOf(hash: bigint, attempt: number): number {
    const key = attempt === 0 ? hash : hash ^ BigInt.asUintN(64, -BigInt(attempt));
    return Number(key % this.#size);
  }
}

function fillTable(hosts: readonly BalancedHost[], size: number): Int32Array {
  const table = new Int32Array(size).fill(-1);
  const builders = hosts
    .map((host, index) => startBuilder(host, index, size))
    .sort((a, b) => compareKeys(hosts[a.index]?.key ?? '', hosts[b.index]?.key ?? ''));
  const heaviest = builders.reduce((most, builder) => Math.max(most, builder.weight), 0);
  let filled = 0;
  for (let iteration = 1; filled < size; iteration++)
    for (const builder of builders) {
      if (filled === size) break;
      // The heaviest host takes a slot in each iteration, one of a third of its weight in each third.
      if (iteration * builder.weight < builder.target) continue;
      builder.target += heaviest;
      while (table[builder.slot] !== -1) builder.slot = (builder.slot + builder.skip) % size;
      table[builder.slot] = builder.index;
      builder.slot = (builder.slot + builder.skip) % size;
      filled++;
    }
  return table;
}

function startBuilder(host: BalancedHost, index: number, size: number): Builder {
  return {
    index,
    weight: host.weight,
    target: 0,
    slot: Number(xxHash64(host.key) % BigInt(size)),
    skip: Number((xxHash64(host.key, 1n) % BigInt(size - 1)) + 1n),
  };
}

function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
