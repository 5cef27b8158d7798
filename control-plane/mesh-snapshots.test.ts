import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultMeshConfig } from '#shared/model/mesh-config.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { emptyCatalog, type Catalog, type Change } from './catalog/catalog.ts';
import { reduceCatalog } from './catalog/reduce.ts';
import { MeshSnapshots } from './mesh-snapshots.ts';
import { readDocuments } from './sources/file/read-documents.ts';

const service = (name: string, port: number) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: shop}\nspec: {selector: {app: a}, ports: [{port: ${port}, name: http}]}\n`;

function takeIn(catalog: Catalog, ...texts: string[]): Catalog {
  const changes = texts.flatMap((text): Change[] =>
    readDocuments(text, 'a.yaml').map((document) => {
      assert.ok(document.kind === 'good', JSON.stringify(document));
      const { key, resource, warnings } = document;
      return { kind: 'upsert', key, resource, origin: { source: 'file', file: 'a.yaml', line: 1 }, warnings };
    }),
  );
  return reduceCatalog(catalog, changes);
}

const node = {
  id: 'sidecar~10.0.0.1~client.shop~shop.svc.cluster.local',
  cluster: 'client',
  metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'client' },
};

function setUp() {
  const catalog = new WatchSource<Catalog>(takeIn(emptyCatalog, service('orders', 80), service('pay', 80)));
  const events: string[] = [];
  const snapshots = new MeshSnapshots(defaultMeshConfig, catalog, ({ id }) => {
    events.push(`open ${id.split('~')[2] ?? ''}`);
    return () => events.push('end');
  });
  return { catalog, events, snapshots };
}

test('only what changed is encoded anew; a catalog of the same generation changes nothing', () => {
  const { catalog, snapshots } = setUp();
  const opened = snapshots.open(node, null);
  assert.ok(opened.ok);
  const clusters = () => opened.value.snapshots.current().resources.get(typeUrls.cluster);
  const before = clusters();
  let told = 0;
  opened.value.snapshots.subscribe(() => told++);
  catalog.set({ ...catalog.current() });
  assert.equal(told, 0);
  catalog.set(takeIn(catalog.current(), service('pay', 81)));
  assert.equal(told, 1);
  const name = 'outbound|80||orders.shop.svc.cluster.local';
  assert.notEqual(before?.get(name), undefined);
  assert.equal(clusters()?.get(name)?.body, before?.get(name)?.body);
  assert.equal(clusters()?.has('outbound|81||pay.shop.svc.cluster.local'), true);
  assert.equal(clusters()?.has('outbound|80||pay.shop.svc.cluster.local'), false);
  assert.equal(opened.value.snapshots.current().generation, catalog.current().generation);
});

test('a proxy is only what its credentials say', () => {
  const { snapshots, events } = setUp();
  const peer = (spiffeId: string) => ({ spiffeId, method: 'join-token' as const });
  assert.ok(snapshots.open(node, peer('spiffe://cluster.local/ns/shop/sa/client')).ok);
  for (const spiffeId of ['spiffe://cluster.local/ns/shop/sa/other', 'spiffe://cluster.local/ns/x/sa/client']) {
    const refused = snapshots.open(node, peer(spiffeId));
    assert.match(
      refused.ok ? '' : (refused.problems[0]?.message ?? ''),
      new RegExp(`says it is ns/shop/sa/client, but its credentials are those of ${spiffeId}`),
    );
  }
  assert.deepEqual(events, ['open client.shop']);
});

test('a proxy that went away is served no more', () => {
  const { catalog, snapshots, events } = setUp();
  const opened = snapshots.open(node, null);
  assert.ok(opened.ok);
  assert.notEqual(snapshots.typedOf(node.id), null);
  opened.value.close();
  let told = 0;
  opened.value.snapshots.subscribe(() => told++);
  catalog.set(takeIn(catalog.current(), service('pay', 81)));
  assert.deepEqual([told, snapshots.typedOf(node.id), events], [0, null, ['open client.shop', 'end']]);
});

test('a proxy is who its credentials say, and the pod that they are bound to', () => {
  const { snapshots } = setUp();
  const refusal = (peer: { spiffeId: string; pod?: string | null }) => {
    const opened = snapshots.open(node, { method: 'token', ...peer });
    if (opened.ok) opened.value.close();
    return opened.ok ? 'taken' : opened.problems[0]?.message.replace(`${node.id} says it is `, '');
  };
  const spiffeId = 'spiffe://cluster.local/ns/shop/sa/client';
  assert.equal(refusal({ spiffeId }), 'taken');
  assert.equal(refusal({ spiffeId, pod: 'client' }), 'taken');
  assert.equal(refusal({ spiffeId, pod: null }), 'taken');
  assert.equal(refusal({ spiffeId, pod: 'other' }), 'pod client, but its credentials are those of pod other');
  const other = 'spiffe://cluster.local/ns/shop/sa/other';
  assert.equal(refusal({ spiffeId: other }), `ns/shop/sa/client, but its credentials are those of ${other}`);
});
