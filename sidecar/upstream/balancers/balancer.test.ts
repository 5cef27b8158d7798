import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom, type Random } from '#shared/runtime/random.ts';
import type { BalancerConfig } from '../../snapshot/cluster.ts';
import { createBalancer, type BalancedHost } from './balancer.ts';
import { xxHash64 } from './xxhash64.ts';

type TestHost = BalancedHost & { activeRequests: number };

const aHost = (key: string, weight = 1, activeRequests = 0): TestHost => ({ key, weight, activeRequests });

/** `count` hosts of weight 1, or of the weights given. */
function hosts(...weights: number[]): [TestHost, ...TestHost[]] {
  const [first = aHost('10.0.0.1:80'), ...rest] = weights.map((weight, n) => aHost(`10.0.0.${n + 1}:80`, weight));
  return [first, ...rest];
}

const configs: BalancerConfig[] = [
  { kind: 'roundRobin' },
  { kind: 'random' },
  { kind: 'clusterProvided' },
  { kind: 'leastRequest', choiceCount: 2, activeRequestBias: 1 },
  { kind: 'ringHash', minimumSize: 1024, maximumSize: 8_388_608, hashFunction: 'xxHash' },
  { kind: 'ringHash', minimumSize: 1024, maximumSize: 8_388_608, hashFunction: 'murmur2' },
  { kind: 'maglev', tableSize: 65_537 },
];

const describeConfig = (config: BalancerConfig) =>
  config.kind === 'ringHash' ? `ringHash by ${config.hashFunction}` : config.kind;

function counts(picks: number, config: BalancerConfig, list: [TestHost, ...TestHost[]], random: Random) {
  const balancer = createBalancer(config, list, random);
  const found = new Map<string, number>(list.map((host) => [host.key, 0]));
  for (let n = 0; n < picks; n++) {
    const { key } = balancer.pick(null, 0);
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  return [...found.values()];
}

for (const config of configs)
  describe(`balancer ${describeConfig(config)}`, () => {
    test('gives the only host, whatever the hash and attempt', () => {
      const balancer = createBalancer(config, hosts(3), seededRandom(1));
      for (const hash of [null, 0n, 0xffff_ffff_ffff_ffffn])
        for (const attempt of [0, 1, 7]) assert.equal(balancer.pick(hash, attempt).key, '10.0.0.1:80');
    });

    test('spreads requests without a hash over equal hosts', () => {
      for (const share of counts(9_000, config, hosts(1, 1, 1), seededRandom(7)))
        assert.ok(share > 2_700 && share < 3_300, String(share));
    });

    test('never picks outside the list and is the same for the same seed', () => {
      const run = () => {
        const balancer = createBalancer(config, hosts(1, 2, 3, 4), seededRandom(5));
        return Array.from({ length: 50 }, (_, n) => balancer.pick(n % 2 === 0 ? null : xxHash64(`${n}`), 0).key);
      };
      assert.deepEqual(run(), run());
    });
  });

for (const config of configs.filter(({ kind }) => kind === 'roundRobin' || kind === 'leastRequest'))
  test(`${config.kind} spreads exactly by weight when hosts weigh differently`, () => {
    assert.deepEqual(counts(600, config, hosts(1, 2, 3), seededRandom(3)), [100, 200, 300]);
  });

test('round robin starts at a random host and then goes round', () => {
  const order = (start: number) => {
    const balancer = createBalancer({ kind: 'roundRobin' }, hosts(1, 1, 1), () => start);
    return Array.from({ length: 4 }, () => balancer.pick(null, 0).key.slice(7, 8)).join('');
  };
  assert.deepEqual([order(0), order(0.5), order(0.99)], ['1231', '2312', '3123']);
});

test('least request draws with replacement: of loads 0 and 5 the idle host gets three of four', () => {
  const config: BalancerConfig = { kind: 'leastRequest', choiceCount: 2, activeRequestBias: 1 };
  const list: [TestHost, TestHost] = [aHost('a:1', 1, 0), aHost('b:1', 1, 5)];
  const [idle = 0] = counts(40_000, config, list, seededRandom(11));
  assert.ok(Math.abs(idle / 40_000 - 3 / 4) < 0.01, String(idle));
});

test('least request: of loads 0, 1, 1 the idle host gets five of nine', () => {
  const config: BalancerConfig = { kind: 'leastRequest', choiceCount: 2, activeRequestBias: 1 };
  const list: [TestHost, ...TestHost[]] = [aHost('a:1'), aHost('b:1', 1, 1), aHost('c:1', 1, 1)];
  const [idle = 0] = counts(45_000, config, list, seededRandom(12));
  assert.ok(Math.abs(idle / 45_000 - 5 / 9) < 0.01, String(idle));
});

test('least request keeps the first drawn of equals', () => {
  const draws = [0.9, 0.1];
  const config: BalancerConfig = { kind: 'leastRequest', choiceCount: 2, activeRequestBias: 1 };
  assert.equal(createBalancer(config, hosts(1, 1), () => draws.shift() ?? 0).pick(null, 0).key, '10.0.0.2:80');
});

test('weighted least request favours the host with fewer requests, by the bias', () => {
  const share = (bias: number) => {
    const config: BalancerConfig = { kind: 'leastRequest', choiceCount: 2, activeRequestBias: bias };
    const [, busy = 0] = counts(3_000, config, [aHost('a:1', 1, 0), aHost('b:1', 2, 3)], () => 0);
    return busy / 3_000;
  };
  // Weights 1 and 2 without bias; 1 and 2/4 with bias 1; 1 and 2/16 with bias 2.
  for (const [bias, expected] of [
    [0, 2 / 3],
    [1, 1 / 3],
    [2, 1 / 9],
  ] as const)
    assert.ok(Math.abs(share(bias) - expected) < 0.01, `bias ${bias}: ${share(bias)}`);
});

for (const config of configs.filter(({ kind }) => kind === 'ringHash' || kind === 'maglev'))
  describe(`keys under ${describeConfig(config)}`, () => {
    const keys = Array.from({ length: 4_000 }, (_, n) => xxHash64(`user-${n}`));

    test('meet the same host each time, in every process and whatever the order of the hosts', () => {
      const one = createBalancer(config, hosts(1, 1, 1, 1, 1), seededRandom(1));
      const [first = aHost('x'), ...rest] = hosts(1, 1, 1, 1, 1).reverse();
      const other = createBalancer(config, [first, ...rest], seededRandom(2));
      // The fractions of points fall to other hosts in another order, so that the ring may differ a little.
      const same = keys.filter((key) => one.pick(key, 0).key === other.pick(key, 0).key).length;
      assert.ok(same >= keys.length * (config.kind === 'maglev' ? 1 : 0.98), String(same));
      assert.ok(keys.every((key) => one.pick(key, 0) === one.pick(key, 0)));
    });

    test('mostly stay where they are when another host goes', () => {
      const [first, ...rest] = hosts(1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
      const before = createBalancer(config, [first, ...rest], seededRandom(1));
      const after = createBalancer(config, [first, ...rest.slice(0, -1)], seededRandom(1));
      const gone = rest.at(-1);
      const others = keys.filter((key) => before.pick(key, 0) !== gone);
      const stayed = others.filter((key) => before.pick(key, 0) === after.pick(key, 0)).length;
      assert.ok(stayed / keys.length >= 1 - 2 / 10, `${stayed} of ${keys.length}`);
      assert.ok(stayed / others.length >= 1 - 1 / 10, `${stayed} of ${others.length}`);
    });

    test('go to hosts in proportion to their weights', () => {
      const balancer = createBalancer(config, hosts(1, 3), seededRandom(1));
      const heavy = keys.filter((key) => balancer.pick(key, 0).key === '10.0.0.2:80').length;
      assert.ok(Math.abs(heavy / keys.length - 0.75) < 0.06, String(heavy / keys.length));
    });

    test('go elsewhere on a later attempt, most of them', () => {
      const balancer = createBalancer(config, hosts(1, 1, 1, 1, 1, 1, 1, 1), seededRandom(1));
      const moved = keys.filter((key) => balancer.pick(key, 0) !== balancer.pick(key, 1)).length;
      assert.ok(moved / keys.length > 0.75, String(moved));
    });
  });
