/** Clusters of two workers, as they are in two threads, with the hub between: messages are passed at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import type { ClusterConfig } from '../snapshot/cluster.ts';
import type { Endpoints } from '../snapshot/endpoints.ts';
import { aCluster, anOutlierConfig, someEndpoints } from '../upstream/cluster.fixture.ts';
import { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import { RemoteJudge } from '../upstream/remote-judge.ts';
import { OutlierHub } from './outlier-hub.ts';

const outlier = { ...anOutlierConfig, consecutive5xx: 3, maxEjectionPercent: 50 };
const config = aCluster({ outlier });
const table = { counts: new Int32Array(4), share: null };

function setUp(endpoints: Endpoints = someEndpoints('10.0.0.1', '10.0.0.2')) {
  const clock = new FakeClock();
  const events: string[] = [];
  const judges = new Map<number, RemoteJudge>();
  const hub = new OutlierHub({
    clock,
    random: () => 0.5,
    tell: (_, key, isEjected) => {
      for (const judge of judges.values()) judge.setEjected(key, isEjected);
    },
    onEvent: (cluster, { action, host, type }) => events.push(`${cluster} ${action} ${host.key} ${type ?? ''}`.trim()),
  });
  const startWorker = (index: number) =>
    new Cluster(config, endpoints, {
      clock,
      random: () => 0.5,
      resolve: () => Promise.reject(new Error('nothing to resolve')),
      createPool: () => assert.fail('nobody connects'),
      onOutlierEvent: () => assert.fail('a worker does not judge'),
      shared: () => ({
        breakers: { default: table, high: table },
        judge: (hosts, onChange) => {
          const judge: RemoteJudge = new RemoteJudge({
            line: {
              members: (keys) => {
                for (const state of hub.members(index, 'c', keys)) judge.attach(state);
              },
              fire: (key, type) => hub.fire('c', key, type),
            },
            hosts,
            onChange,
            onClose: () => judges.delete(index),
          });
          judges.set(index, judge);
          return judge;
        },
      }),
    });
  hub.configure(new Map([['c', config]]));
  const workers = [startWorker(0), startWorker(1)] as const;
  return { clock, hub, workers, events, startWorker };
}

function host(cluster: Cluster, address = '10.0.0.1'): Host {
  const found = cluster.hosts.get(`${address}:80`);
  assert.ok(found !== undefined);
  return found;
}

const ejected = (clusters: readonly Cluster[], address?: string) =>
  clusters.map((cluster) => host(cluster, address).monitor.isEjected);

test('failures in a row count over all workers, and all stop using the host', () => {
  const { workers, events, hub } = setUp();
  const [one, other] = workers;
  host(one).reportStatus(500);
  host(other).reportStatus(500);
  assert.deepEqual(ejected(workers), [false, false]);
  host(one).reportStatus(500);
  assert.deepEqual(ejected(workers), [true, true]);
  assert.deepEqual(events, ['c EJECT 10.0.0.1:80 CONSECUTIVE_5XX']);
  for (const worker of workers) {
    assert.deepEqual([worker.stats.membership_total, worker.stats.membership_healthy], [2, 1]);
    for (let i = 0; i < 4; i++) assert.equal(worker.pick({})?.address, '10.0.0.2');
    assert.equal(worker.outlierStats, null);
  }
  assert.equal(hub.stats('c')?.ejections_enforced_consecutive_5xx, 1);
});

test('a success in one worker ends the row of all', () => {
  const { workers } = setUp();
  const [one, other] = workers;
  host(one).reportStatus(500);
  host(one).reportStatus(500);
  host(other).reportStatus(200);
  host(one).reportStatus(500);
  host(one).reportStatus(500);
  assert.deepEqual(ejected(workers), [false, false]);
});

test('how many may be ejected is counted over the proxy, not over a worker', () => {
  const { workers, hub } = setUp();
  const [one, other] = workers;
  for (let i = 0; i < 3; i++) host(one).reportStatus(500);
  for (let i = 0; i < 3; i++) host(other, '10.0.0.2').reportStatus(500);
  assert.deepEqual(
    [ejected(workers), ejected(workers, '10.0.0.2')],
    [
      [true, true],
      [false, false],
    ],
  );
  assert.equal(hub.stats('c')?.ejections_overflow, 1);
});

test('an ejection ends for all, and its host begins anew', () => {
  const { workers, clock, events } = setUp();
  const [one, other] = workers;
  for (let i = 0; i < 3; i++) host(one).reportStatus(500);
  clock.advance(outlier.baseEjectionTimeMs + outlier.intervalMs);
  assert.deepEqual(ejected(workers), [false, false]);
  assert.equal(events.at(-1), 'c UNEJECT 10.0.0.1:80');
  host(one).reportStatus(500);
  host(other).reportStatus(500);
  assert.deepEqual(ejected(workers), [false, false]);
});

test('the successor of a dead worker takes over who is ejected', () => {
  const { workers, hub, startWorker } = setUp();
  for (let i = 0; i < 3; i++) host(workers[0]).reportStatus(500);
  hub.forget(1);
  assert.deepEqual(ejected([startWorker(1)]), [true]);
});

test('a host is forgotten with the last worker that has it', () => {
  const { workers, hub } = setUp();
  const [one, other] = workers;
  for (let i = 0; i < 3; i++) host(one).reportStatus(500);
  one.update(config, someEndpoints('10.0.0.2'));
  one.update(config, someEndpoints('10.0.0.1', '10.0.0.2'));
  assert.deepEqual(ejected(workers), [true, true]);
  for (const worker of [one, other]) worker.update(config, someEndpoints('10.0.0.2'));
  assert.equal(hub.stats('c')?.ejections_active, 0);
  one.update(config, someEndpoints('10.0.0.1', '10.0.0.2'));
  assert.deepEqual(ejected([one]), [false]);
});

test('rates are judged over the requests of all workers', () => {
  const rates: ClusterConfig['outlier'] = {
    ...outlier,
    consecutive5xx: 1000,
    failurePercentageMinimumHosts: 1,
    failurePercentageRequestVolume: 10,
    failurePercentageThreshold: 50,
    enforcingFailurePercentage: 100,
  };
  const { workers, hub, clock } = setUp();
  const changed = { ...config, outlier: rates };
  hub.configure(new Map([['c', changed]]));
  for (const worker of workers) {
    worker.update(changed, null);
    for (let i = 0; i < 5; i++) host(worker).reportStatus(500);
  }
  clock.advance(rates.intervalMs);
  assert.deepEqual(ejected(workers), [true, true]);
});

test('with detection everybody may be used again', () => {
  const { workers, hub } = setUp();
  for (let i = 0; i < 3; i++) host(workers[0]).reportStatus(500);
  hub.configure(new Map([['c', aCluster()]]));
  for (const worker of workers) worker.update(aCluster(), null);
  assert.deepEqual(ejected(workers), [false, false]);
  assert.equal(hub.stats('c'), null);
  for (let i = 0; i < 3; i++) host(workers[0]).reportStatus(500);
  assert.deepEqual(ejected(workers), [false, false]);
});
