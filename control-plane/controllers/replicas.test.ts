import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { FakeCluster } from '#shared/kubernetes/testing/fake-cluster.ts';
import { FakeClock } from '#shared/runtime/clock.ts';
import type { Catalog, CatalogEntry } from '../catalog/catalog.ts';
import { ProxyRecord } from '../xds/proxies.ts';
import { eventually } from '../../test/support/eventually.ts';
import { encodeLeaseSpec } from './lease.ts';
import {
  decodeReport,
  encodeReport,
  replicaLabel,
  reportAnnotation,
  type ReplicaReport,
} from '#shared/kubernetes/replica-report.ts';
import { distributionAmong, healthyReplicas, makeReport, seeReplicas } from './replicas.ts';
import { ReplicaLease } from './replica-lease.ts';

const aReport = (more: Partial<ReplicaReport> = {}): ReplicaReport => ({
  proxies: 3,
  applied: { 'VirtualService/shop/a': [4, 3] },
  refusals: [],
  ...more,
});

function aLease(name: string, resourceVersion: string, report = aReport(), holder = name): ClusterObject {
  const spec = { holder, durationMs: 15_000, acquiredAtMs: 0, renewedAtMs: 0, transitions: 0, resourceVersion: '' };
  return {
    metadata: { name, resourceVersion, annotations: { [reportAnnotation]: encodeReport(report) } },
    spec: encodeLeaseSpec(spec),
  };
}

const aMap = (...leases: readonly ClusterObject[]) =>
  new Map(leases.map((lease) => [`tulle-system/${lease.metadata.name}`, lease]));

const at = (monotonicMs: number) => ({ monotonicMs, wallMs: 0 });

/** A proxy that has applied this generation of the catalog. */
function aProxy(id: string, appliedGeneration: number | undefined, refused?: string): ProxyRecord {
  const types = new Map(
    refused === undefined
      ? []
      : [['type.googleapis.com/a.Cluster', { refused: new Map([['c', { message: refused }]]) }]],
  );
  const proxy = { id, node: { id, metadata: {} }, identity: null, address: '', connectedSinceMs: 0, isDelta: true };
  return new ProxyRecord(proxy as never, { appliedGeneration, types } as never, () => undefined);
}

function anEntry(key: string, generation: number, version: number | undefined): [string, CatalogEntry] {
  const origin = { source: 'kubernetes', file: '', line: 0, generation: version };
  return [key, { key, resource: {} as never, origin, generation, problems: [], warnings: [] }];
}

test('a report counts the proxies that have what a resource made of the catalog', () => {
  const catalog: Catalog = {
    generation: 9,
    entries: new Map([anEntry('A/shop/old', 3, 1), anEntry('A/shop/new', 9, 7), anEntry('Pod/shop/p', 9, undefined)]),
    fileProblems: new Map(),
  };
  const proxies = [aProxy('a', 9), aProxy('b', 5, 'no such field'), aProxy('c', undefined)];
  assert.deepEqual(makeReport(catalog, proxies), {
    proxies: 3,
    applied: { 'A/shop/old': [1, 2], 'A/shop/new': [7, 1] },
    refusals: ['b: c: no such field'],
  });
});

test('a report is read as it was written; what cannot be read is none', () => {
  assert.deepEqual(decodeReport(encodeReport(aReport())), aReport());
  for (const text of [undefined, '', 'AAAA']) assert.equal(decodeReport(text), null);
  const keys = Array.from({ length: 5000 }, (_, n) => [`VirtualService/shop-${n % 50}/name-${n}`, [n, 41]] as const);
  assert.ok(encodeReport(aReport({ applied: Object.fromEntries(keys) })).length < 100_000);
});

test('the reports of all replicas are added up; one that has not seen a version has it nowhere', () => {
  const among = (...reports: readonly ReplicaReport[]) => distributionAmong(reports, 'VirtualService/shop/a', 4);
  assert.deepEqual(among(), { applied: 0, total: 0, refusals: [] });
  assert.deepEqual(among(aReport(), aReport({ proxies: 2, applied: { 'VirtualService/shop/a': [5, 2] } })), {
    applied: 5,
    total: 5,
    refusals: [],
  });
  const old = aReport({ applied: { 'VirtualService/shop/a': [3, 3] }, refusals: ['p: bad'] });
  assert.deepEqual(among(aReport({ refusals: ['another'] }), old), { applied: 3, total: 6, refusals: ['p: bad'] });
  assert.deepEqual(among(aReport(), aReport({ applied: {} })), { applied: 3, total: 6, refusals: [] });
});

test('a replica is healthy while its lease changes, by our own clock', () => {
  const first = seeReplicas(new Map(), aMap(aLease('a', '1'), aLease('b', '2')), at(1000));
  assert.deepEqual(
    healthyReplicas(first, 15_999).map(({ name }) => name),
    ['a', 'b'],
  );
  const second = seeReplicas(first, aMap(aLease('a', '3'), aLease('b', '2')), at(10_000));
  assert.deepEqual(
    healthyReplicas(second, 16_000).map(({ name }) => name),
    ['a'],
  );
  assert.equal(second.get('a')?.report, first.get('a')?.report);
  // Seen for the first time and not renewed for a minute, by its own word.
  const dead = seeReplicas(new Map(), aMap(aLease('a', '1')), { monotonicMs: 5000, wallMs: 60_000 });
  assert.deepEqual(healthyReplicas(dead, 5000), []);
  const third = seeReplicas(second, aMap(aLease('a', '4', aReport(), '')), at(10_000));
  assert.deepEqual([...third.keys()], []);
});

test('a replica renews its lease, tells changes soon, and removes it at its end', async () => {
  const [api, clock] = [new FakeCluster(), new FakeClock()];
  const path = '/apis/coordination.k8s.io/v1/namespaces/tulle-system/leases/tulle-replica-a';
  let report = aReport();
  const lease = new ReplicaLease({
    api,
    namespace: 'tulle-system',
    me: 'a',
    report: () => report,
    clock,
    random: () => 0,
    onFailure: assert.fail,
  });
  lease.start();
  const pass = async (ms: number) => {
    clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  await pass(500);
  await eventually(() => api.peek(path) !== null);
  assert.equal(api.peek(path)?.metadata.labels?.[replicaLabel], 'true');
  const version = api.peek(path)?.metadata.resourceVersion;
  await pass(5500);
  assert.notEqual(api.peek(path)?.metadata.resourceVersion, version);
  report = aReport({ proxies: 9 });
  lease.changed();
  await pass(500);
  assert.equal(decodeReport(api.peek(path)?.metadata.annotations?.[reportAnnotation])?.proxies, 9);
  await lease.close();
  assert.equal(api.peek(path), null);
});
