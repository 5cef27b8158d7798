import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '#shared/runtime/random.ts';
import type { BalancerConfig } from '../snapshot/cluster.ts';
import type { Endpoint, Endpoints, LocalityEndpoints } from '../snapshot/endpoints.ts';
import { xxHash64 } from './balancers/xxhash64.ts';
import { EndpointSet } from './endpoint-set.ts';

const anEndpoint = (address: string, changes: Partial<Endpoint> = {}): Endpoint => ({
  address,
  port: 80,
  weight: 1,
  health: 'healthy',
  transportLabels: {},
  workload: '',
  hostname: '',
  ...changes,
});

const aLocality = (zone: string, addresses: readonly string[], changes: Partial<LocalityEndpoints> = {}) => ({
  locality: { region: 'r', zone, subZone: '' },
  priority: 0,
  weight: 0,
  endpoints: addresses.map((address) => anEndpoint(address)),
  ...changes,
});

const toEndpoints = (...localities: LocalityEndpoints[]): Endpoints => ({
  clusterName: 'c',
  localities,
  overprovisioningFactor: 140,
});

const noOwner = {
  createPool: () => assert.fail('no pool is needed here'),
  reportStatus: () => undefined,
  reportLocal: () => undefined,
};

function aSet(endpoints: Endpoints, balancer: BalancerConfig = { kind: 'roundRobin' }, panicThreshold = 0) {
  const set = new EndpointSet({ balancer, panicThreshold }, seededRandom(3), noOwner);
  set.update(endpoints);
  return set;
}

/** Shares in percent by host. */
function shares(set: EndpointSet, picks = 10_000): Record<string, number> {
  const found: Record<string, number> = {};
  for (let n = 0; n < picks; n++) {
    const key = set.pick(null, 0)?.address ?? 'none';
    found[key] = (found[key] ?? 0) + 100 / picks;
  }
  return found;
}

function eject(set: EndpointSet, ...addresses: string[]): void {
  for (const address of addresses) {
    const host = set.hosts.get(`${address}:80`);
    assert.ok(host);
    host.monitor.isEjected = true;
  }
  set.refresh();
}

const about = (actual: number | undefined, expected: number) =>
  assert.ok(Math.abs((actual ?? 0) - expected) < 2, `${actual} is not about ${expected}`);

describe('hosts over updates', () => {
  test('the same address and port is the same host, with what is under way and its ejection', () => {
    const set = aSet(toEndpoints(aLocality('a', ['10.0.0.1', '10.0.0.2'])));
    const host = set.hosts.get('10.0.0.1:80');
    assert.ok(host);
    host.activeRequests = 3;
    eject(set, '10.0.0.1');
    const moved = aLocality('b', [], { priority: 1, endpoints: [anEndpoint('10.0.0.1', { weight: 7 })] });
    const { added, removed } = set.update(toEndpoints(moved, aLocality('a', ['10.0.0.3'])));
    assert.equal(set.hosts.get('10.0.0.1:80'), host);
    assert.deepEqual(
      [host.activeRequests, host.monitor.isEjected, host.weight, host.priority, host.locality.zone],
      [3, true, 7, 1, 'b'],
    );
    assert.deepEqual([added.map((h) => h.key), removed.map((h) => h.key)], [['10.0.0.3:80'], ['10.0.0.2:80']]);
    assert.deepEqual([removed[0]?.isRemoved, host.isRemoved], [true, false]);
  });

  test('an endpoint that is named twice counts once', () => {
    const set = aSet(toEndpoints(aLocality('a', ['10.0.0.1', '10.0.0.1', '10.0.0.2'])));
    about(shares(set)['10.0.0.1'], 50);
  });

  test('IPv6 and unix sockets are named as Envoy names them', () => {
    const set = aSet(
      toEndpoints(aLocality('a', [], { endpoints: [anEndpoint('::1'), anEndpoint('/run/app.sock', { port: 0 })] })),
    );
    assert.deepEqual([...set.hosts.keys()], ['[::1]:80', '/run/app.sock']);
  });
});

describe('health', () => {
  test('ejected, unhealthy and draining hosts get nothing', () => {
    const endpoints = (['healthy', 'unhealthy', 'draining'] as const).map((health, n) =>
      anEndpoint(`10.0.0.${n}`, { health }),
    );
    const set = aSet(toEndpoints(aLocality('a', ['10.0.0.8', '10.0.0.9'], {}), aLocality('b', [], { endpoints })));
    eject(set, '10.0.0.9');
    assert.deepEqual(Object.keys(shares(set)).sort(), ['10.0.0.0', '10.0.0.8']);
    assert.deepEqual([set.healthyCount, set.degradedCount], [2, 0]);
  });

  test('degraded hosts take what healthy ones cannot', () => {
    const endpoints = [
      anEndpoint('10.0.0.1'),
      anEndpoint('10.0.0.2', { health: 'degraded' }),
      anEndpoint('10.0.0.3', { health: 'degraded' }),
    ];
    const found = shares(aSet(toEndpoints(aLocality('a', [], { endpoints }))));
    about(found['10.0.0.1'], 46);
    about(found['10.0.0.2'], 27);
  });

  test('without panic nobody is chosen when nobody is healthy', () => {
    const set = aSet(toEndpoints(aLocality('a', ['10.0.0.1'])));
    eject(set, '10.0.0.1');
    assert.equal(set.pick(null, 0), null);
    assert.equal(aSet(toEndpoints()).pick(null, 0), null);
  });

  test('below the panic threshold all are balanced over, at it nobody is', () => {
    const set = aSet(toEndpoints(aLocality('a', ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'])), undefined, 50);
    eject(set, '10.0.0.1', '10.0.0.2');
    assert.equal(Object.keys(shares(set)).length, 2);
    assert.equal(set.panicPicks, 0);
    eject(set, '10.0.0.3');
    about(shares(set)['10.0.0.1'], 25);
    assert.equal(set.panicPicks, 10_000);
  });
});

describe('priorities and localities', () => {
  test('half of the first priority healthy: seventy to thirty', () => {
    const set = aSet(
      toEndpoints(aLocality('a', ['10.0.0.1', '10.0.0.2']), aLocality('b', ['10.0.1.1'], { priority: 1 })),
    );
    about(shares(set)['10.0.1.1'] ?? 0, 0);
    eject(set, '10.0.0.1');
    const found = shares(set);
    about(found['10.0.0.2'], 70);
    about(found['10.0.1.1'], 30);
  });

  test('localities without weights share by their hosts', () => {
    const set = aSet(toEndpoints(aLocality('a', ['10.0.0.1', '10.0.0.2', '10.0.0.3']), aLocality('b', ['10.0.1.1'])));
    about(shares(set)['10.0.1.1'], 25);
  });

  test('localities with weights share by those', () => {
    const set = aSet(
      toEndpoints(
        aLocality('a', ['10.0.0.1', '10.0.0.2', '10.0.0.3'], { weight: 1 }),
        aLocality('b', ['10.0.1.1'], { weight: 3 }),
      ),
    );
    about(shares(set)['10.0.1.1'], 75);
  });

  test('weights 1:1, one half available: 70 to 100', () => {
    const set = aSet(
      toEndpoints(
        aLocality('a', ['10.0.0.1', '10.0.0.2'], { weight: 1 }),
        aLocality('b', ['10.0.1.1', '10.0.1.2'], { weight: 1 }),
      ),
    );
    eject(set, '10.0.0.1');
    about(shares(set)['10.0.0.2'], (100 * 70) / 170);
  });

  for (const balancer of [
    { kind: 'maglev', tableSize: 65_537 },
    { kind: 'ringHash', minimumSize: 1024, maximumSize: 8_388_608, hashFunction: 'xxHash' },
  ] as const)
    test(`${balancer.kind}: keys share by the localities' weights and mostly stay when a host of another goes`, () => {
      const localities = (second: string[]) =>
        toEndpoints(aLocality('a', ['10.0.0.1'], { weight: 3 }), aLocality('b', second, { weight: 1 }));
      const set = aSet(localities(['10.0.1.1', '10.0.1.2']), balancer);
      const keys = Array.from({ length: 3_000 }, (_, n) => xxHash64(`key-${n}`));
      const first = keys.filter((key) => set.pick(key, 0)?.address === '10.0.0.1');
      assert.ok(Math.abs(first.length / keys.length - 0.75) < 0.06, String(first.length / keys.length));
      set.update(localities(['10.0.1.1']));
      const stayed = first.filter((key) => set.pick(key, 0)?.address === '10.0.0.1').length;
      assert.ok(stayed / first.length > 0.8, String(stayed / first.length));
    });

  test('a key chooses its priority too, so that it stays there', () => {
    const set = aSet(
      toEndpoints(aLocality('a', ['10.0.0.1', '10.0.0.2']), aLocality('b', ['10.0.1.1'], { priority: 1 })),
      { kind: 'maglev', tableSize: 65_537 },
    );
    eject(set, '10.0.0.1');
    for (let n = 0; n < 50; n++) {
      const key = xxHash64(`user-${n}`);
      assert.equal(new Set(Array.from({ length: 5 }, () => set.pick(key, 0))).size, 1);
    }
  });
});
