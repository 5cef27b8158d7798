/** Nanoseconds per pick of each balancer: `node bench/micro/balancers.ts`. */
import { seededRandom } from '#shared/runtime/random.ts';
import { createBalancer, type BalancedHost } from '../../sidecar/upstream/balancers/balancer.ts';
import { xxHash64 } from '../../sidecar/upstream/balancers/xxhash64.ts';
import type { BalancerConfig } from '../../sidecar/snapshot/cluster.ts';

const picks = 300_000;
const rounds = 7;
const keys = Array.from({ length: 1024 }, (_, n) => xxHash64(`user-${n}`));

const configs: readonly (readonly [string, BalancerConfig])[] = [
  ['round robin', { kind: 'roundRobin' }],
  ['random', { kind: 'random' }],
  ['least request', { kind: 'leastRequest', choiceCount: 2, activeRequestBias: 1 }],
  ['ring hash', { kind: 'ringHash', minimumSize: 1024, maximumSize: 8_388_608, hashFunction: 'xxHash' }],
  ['maglev', { kind: 'maglev', tableSize: 65_537 }],
];

function someHosts(count: number, isWeighted: boolean): [BalancedHost, ...BalancedHost[]] {
  const host = (n: number) => ({ key: `10.0.0.${n}:80`, weight: isWeighted ? 1 + (n % 3) : 1, activeRequests: n % 4 });
  return [host(0), ...Array.from({ length: count - 1 }, (_, n) => host(n + 1))];
}

/** The median of the rounds, in nanoseconds an operation. */
function measure(operation: (n: number) => unknown): number {
  const times = Array.from({ length: rounds }, () => {
    const start = process.hrtime.bigint();
    for (let n = 0; n < picks; n++) operation(n);
    return Number(process.hrtime.bigint() - start) / picks;
  });
  return times.sort((a, b) => a - b)[rounds >> 1] ?? 0;
}

console.log('balancer'.padEnd(24), '8 hosts'.padStart(10), '100 hosts'.padStart(10), 'weighted 8'.padStart(10));
for (const [name, config] of configs) {
  const isHashed = config.kind === 'ringHash' || config.kind === 'maglev';
  const columns = [someHosts(8, false), someHosts(100, false), someHosts(8, true)].map((hosts) => {
    const balancer = createBalancer(config, hosts, seededRandom(1));
    return measure((n) => balancer.pick(isHashed ? (keys[n & 1023] ?? null) : null, 0));
  });
  console.log(name.padEnd(24), ...columns.map((ns) => ns.toFixed(1).padStart(10)));
}
console.log(
  'xxHash64 of 8 bytes'.padEnd(24),
  measure((n) => xxHash64(`user-${n & 1023}`))
    .toFixed(1)
    .padStart(10),
);
