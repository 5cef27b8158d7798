import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultInjectionSettings } from '#shared/injection/injection-settings.ts';
import { FakeCluster } from '#shared/kubernetes/testing/fake-cluster.ts';
import { parseResource } from '#shared/model/parse.ts';
import { resourceKey } from '#shared/model/resource.ts';
import { FakeClock } from '#shared/runtime/clock.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { emptyCatalog, type Catalog } from '../catalog/catalog.ts';
import { reduceCatalog } from '../catalog/reduce.ts';
import { InjectionWatch } from './injection-watch.ts';
import { findMissed, nextRepair, type MissedPod } from './missed-injection.ts';

const settings = defaultInjectionSettings('tulle/sidecar:1');

function aCatalog(...documents: readonly object[]): Catalog {
  return documents.reduce<Catalog>((catalog, document) => {
    const parsed = parseResource(document);
    assert.ok(parsed.ok, JSON.stringify(parsed));
    const key = resourceKey(parsed.value);
    const origin = { source: 'kubernetes', file: '', line: 0 };
    return reduceCatalog(catalog, [{ kind: 'upsert', key, resource: parsed.value, origin, warnings: [] }]);
  }, emptyCatalog);
}

const aNamespace = (name: string, labels: object) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});
const owned = {
  ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'cart-1', uid: 'x', controller: true }],
};
const aPod = (name: string, more: Readonly<{ metadata?: object; spec?: object; status?: object }> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', ...owned, ...more.metadata },
  spec: { containers: [{ name: 'app' }], ...more.spec },
  status: { phase: 'Running', ...more.status },
});
const shop = aNamespace('shop', { 'istio-injection': 'enabled' });
const names = (missed: readonly MissedPod[]) => missed.map(({ namespace, name }) => `${namespace}/${name}`);

test('a pod that the injector would inject and that has no sidecar has missed it', () => {
  const sidecar = { name: 'istio-proxy' };
  const catalog = aCatalog(
    shop,
    aNamespace('plain', {}),
    aPod('missed'),
    aPod('classic', { spec: { containers: [{ name: 'app' }, sidecar] } }),
    aPod('native', { spec: { initContainers: [sidecar] } }),
    aPod('told', { metadata: { annotations: { 'sidecar.istio.io/status': '{}' } } }),
    aPod('done', { status: { phase: 'Succeeded' } }),
    aPod('going', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    aPod('host', { spec: { hostNetwork: true } }),
    aPod('opted-out', { metadata: { labels: { 'sidecar.istio.io/inject': 'false' } } }),
    aPod('elsewhere', { metadata: { namespace: 'plain' } }),
    aPod('opted-in', { metadata: { namespace: 'plain', labels: { 'sidecar.istio.io/inject': 'true' } } }),
    aPod('system', { metadata: { namespace: 'kube-system', labels: { 'sidecar.istio.io/inject': 'true' } } }),
    aPod('alone', { metadata: { ownerReferences: [] } }),
  );
  const missed = findMissed(catalog, settings);
  assert.deepEqual(names(missed), ['plain/opted-in', 'shop/alone', 'shop/missed']);
  assert.deepEqual(
    missed.map(({ owner }) => owner),
    ['ReplicaSet/cart-1', null, 'ReplicaSet/cart-1'],
  );
});

test('of an owner one pod in ten minutes is repaired, of nobody none', () => {
  const aMissed = (name: string, owner: string | null): MissedPod => ({ namespace: 'shop', name, owner, reason: '' });
  const missed = [
    aMissed('alone', null),
    aMissed('a1', 'ReplicaSet/a'),
    aMissed('a2', 'ReplicaSet/a'),
    aMissed('b1', 'Job/b'),
  ];
  const [first, one] = nextRepair(missed, new Map(), 0);
  const [second, two] = nextRepair(missed, one, 5000);
  const [third, three] = nextRepair(missed, two, 10_000);
  const [fourth] = nextRepair(missed, three, 600_000);
  assert.deepEqual([first?.name, second?.name, third, fourth?.name], ['a1', 'b1', null, 'a1']);
});

test('the leader deletes what missed its injection, while it would be injected now', async () => {
  const [api, clock] = [new FakeCluster(), new FakeClock()];
  const path = '/api/v1/namespaces/shop/pods/missed';
  api.put(path, { metadata: { name: 'missed' }, spec: { containers: [{ name: 'app' }] } });
  const state = { isLeader: false, canInject: false };
  const logged: string[] = [];
  const watch = new InjectionWatch({
    api,
    catalog: new WatchSource(aCatalog(shop, aPod('missed'))),
    settings: () => settings,
    isLeader: () => state.isLeader,
    repairs: true,
    canInject: () => state.canInject,
    clock,
    log: (level, message) => logged.push(`${level} ${message}`),
  });
  watch.start();
  const look = async () => {
    clock.advance(5000);
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  await look();
  assert.deepEqual([names(watch.missed()), logged], [['shop/missed'], []]);
  state.isLeader = true;
  await look();
  assert.deepEqual([logged.length, api.peek(path) !== null], [1, true]);
  state.canInject = true;
  await look();
  assert.deepEqual([watch.repaired, api.peek(path)], [1, null]);
  await watch.close();
});
