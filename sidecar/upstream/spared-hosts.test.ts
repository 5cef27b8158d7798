import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { seededRandom } from '#shared/runtime/random.ts';
import { aCluster, someEndpoints } from './cluster.fixture.ts';
import { Cluster } from './cluster.ts';
import type { Host } from './host.ts';

/** Three hosts, of which the first two are never busy: least-request prefers them. */
function setUp({ isOn = true, addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3'] } = {}) {
  const clock = new FakeClock();
  const cluster = new Cluster(aCluster(), someEndpoints(...addresses), {
    clock,
    random: seededRandom(1),
    resolve: () => Promise.resolve([]),
    createPool: () => assert.fail('nobody is called'),
    onOutlierEvent: () => undefined,
    sparesRefusing: () => isOn,
  });
  const hosts = [...cluster.hosts.values()];
  const last = hosts.at(-1);
  if (last !== undefined) last.activeRequests = 10;
  const picked = (exclude?: ReadonlySet<Host>, attempts?: number) =>
    [...new Set(Array.from({ length: 50 }, () => cluster.pick({ exclude, attempts })?.address ?? 'none'))].toSorted(
      (a, b) => a.localeCompare(b),
    );
  const host = (n: number): Host => hosts[n] ?? assert.fail(`no host ${n}`);
  return { clock, cluster, picked, host };
}

describe('a host that refused', () => {
  test('is left alone for a second, however idle it is', () => {
    const { cluster, clock, picked, host } = setUp();
    cluster.spare(host(0));
    cluster.spare(host(1));
    assert.deepEqual(picked(), ['10.0.0.3']);
    clock.advance(999);
    assert.deepEqual(picked(), ['10.0.0.3']);
    clock.advance(1);
    assert.deepEqual(picked(), ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  });

  test('is asked all the same when there is no other', () => {
    const { cluster, picked, host } = setUp({ addresses: ['10.0.0.1'] });
    cluster.spare(host(0));
    assert.deepEqual(picked(), ['10.0.0.1']);
    assert.deepEqual(picked(new Set([host(0)])), ['10.0.0.1']);
  });

  test('is preferred to one that this very request has tried', () => {
    const { cluster, picked, host } = setUp();
    cluster.spare(host(0));
    assert.deepEqual(picked(new Set([host(1), host(2)])), ['10.0.0.1']);
  });

  test('is chosen as any other by the rules of Envoy', () => {
    const { cluster, picked, host } = setUp({ isOn: false });
    cluster.spare(host(0));
    assert.ok(picked().includes('10.0.0.1'));
  });
});

describe('hosts that a request has tried', () => {
  test('are never tried again while there are others', () => {
    const { picked, host } = setUp();
    assert.deepEqual(picked(new Set([host(0), host(1)]), 1), ['10.0.0.3']);
  });

  test('may be, by the rules of Envoy, when its balancer names nobody else so many times', () => {
    const { picked, host } = setUp({ isOn: false });
    assert.ok(picked(new Set([host(0), host(1)]), 1).length > 1);
  });
});
