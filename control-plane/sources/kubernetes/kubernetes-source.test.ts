import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { FakeClock } from '#shared/runtime/clock.ts';
import { emptyCatalog, type Catalog, type Change } from '../../catalog/catalog.ts';
import { reduceCatalog } from '../../catalog/reduce.ts';
import { FakeServer } from './fake-server.fixture.ts';
import { KubernetesSource, type KubernetesSourceOptions } from './kubernetes-source.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

const service = (name: string, port: unknown = 80, namespace = 'shop') => ({
  metadata: { name, namespace },
  spec: { ports: [{ port, name: 'http' }], aFieldOfTheFuture: true },
});
const namespace = (name: string, labels: Record<string, string> = {}) => ({ metadata: { name, labels } });

/** Lets everything that was answered be taken. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn();
}

async function watched(server = new FakeServer(), options: Partial<KubernetesSourceOptions> = {}) {
  const clock = new FakeClock();
  const batches: (readonly Change[])[] = [];
  const logs: string[] = [];
  let catalog: Catalog = emptyCatalog;
  const source = new KubernetesSource(server, {
    clock,
    random: () => 0.5,
    log: (level, message) => logs.push(`${level} ${message}`),
    rootNamespace: 'tulle-system',
    ...options,
  });
  cleanUps.push(() => source.close());
  const started = source.start((changes) => {
    batches.push(changes);
    catalog = reduceCatalog(catalog, changes);
  });
  await settle();
  const advance = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { server, clock, source, batches, logs, catalog: () => catalog, advance, started };
}
const keys = (catalog: Catalog) => [...catalog.entries.keys()];
const portOf = (catalog: Catalog, name: string) => {
  const resource = catalog.entries.get(`Service/shop/${name}`)?.resource;
  return resource?.kind === 'Service' ? resource.spec.ports[0]?.port : undefined;
};

function serverWith(...services: readonly string[]): FakeServer {
  const server = new FakeServer();
  for (const name of services) server.put('services', service(name));
  return server;
}

test('everything that is there is told in one batch, when all kinds were listed', async () => {
  const server = serverWith('a', 'b');
  server.put('namespaces', namespace('shop'));
  server.failing = { path: '/api/v1/pods', status: 500 };
  const { batches, advance, started, catalog, source } = await watched(server);
  assert.deepEqual([batches.length, source.health().isSynced], [0, false]);
  server.failing = null;
  await advance(10_000);
  await started;
  assert.equal(batches.length, 1);
  assert.deepEqual(keys(catalog()), ['Namespace/default/shop', 'Service/shop/a', 'Service/shop/b']);
  assert.deepEqual(catalog().entries.get('Service/shop/a')?.origin, {
    source: 'kubernetes',
    file: 'Service/shop/a',
    line: 0,
  });
  assert.equal(source.health().isFresh, true);
});

test('changes are told as they come, those of one turn together', async () => {
  const { server, batches, catalog } = await watched(serverWith('a', 'b'));
  server.put('services', service('a', 81));
  server.delete('services', 'b', 'shop');
  server.put('services', service('c'));
  await settle();
  assert.equal(batches.length, 2);
  assert.deepEqual([portOf(catalog(), 'a'), portOf(catalog(), 'b'), portOf(catalog(), 'c')], [81, undefined, 80]);
});

test('a bad object leaves the last good version in force', async () => {
  const { server, catalog } = await watched(serverWith('a'));
  server.put('services', service('a', 'none'));
  await settle();
  assert.equal(portOf(catalog(), 'a'), 80);
  assert.equal(catalog().entries.get('Service/shop/a')?.problems[0]?.path, 'spec.ports[0].port');
  server.put('services', service('a', 82));
  await settle();
  assert.equal(portOf(catalog(), 'a'), 82);
});

test('a watch that is cut goes on where it was; one that is too old is listed anew, and what is gone is removed', async () => {
  const { server, catalog, advance } = await watched(serverWith('a', 'b'));
  server.cut('services', new Error('cut'));
  assert.equal(server.watching('services').length, 0);
  await advance(500);
  assert.match(server.paths.at(-1) ?? '', /services\?watch=1.*resourceVersion=102/);
  server.cut('services', new Error('cut'));
  server.delete('services', 'a', 'shop');
  server.put('services', service('b', 83));
  await advance(500);
  assert.deepEqual(keys(catalog()), ['Service/shop/a', 'Service/shop/b'], 'this server does not tell what was missed');
  server.cut('services', new Error('expired'), 410);
  await advance(1000);
  assert.deepEqual([keys(catalog()), portOf(catalog(), 'b')], [['Service/shop/b'], 83]);
});

test('who is cut off says so and keeps what was known', async () => {
  const { server, source, catalog, advance, logs } = await watched(serverWith('a'));
  server.failing = { path: '/', status: 503 };
  server.cut('services', new Error('cut'));
  for (let i = 0; i < 10; i++) await advance(3000);
  const health = source.health();
  assert.equal(health.isFresh, false);
  assert.match(health.stale.join(), /^Service: a watch was answered with 503/);
  server.failing = null;
  assert.equal(logs.filter((line) => line.startsWith('warn Service cannot be watched')).length, 1);
  assert.equal(portOf(catalog(), 'a'), 80);
  await advance(10_000);
  await advance(4000);
  assert.equal(source.health().isFresh, true);
  assert.equal(logs.filter((line) => line.startsWith('info Service is watched again')).length, 1);
});

test('kinds that are installed later are taken up, in the version that is served', async () => {
  const { server, catalog, advance, logs } = await watched(serverWith('a'));
  assert.equal(logs.filter((line) => line === 'info Sidecar is not installed: it is looked for again').length, 1);
  server.served['networking.istio.io/v1beta1'] = { sidecars: 'Sidecar' };
  server.put('sidecars', { metadata: { name: 's', namespace: 'shop' }, spec: { egress: [{ hosts: ['./*'] }] } });
  await advance(10_000);
  assert.equal(catalog().entries.get('Sidecar/shop/s')?.resource?.apiVersion, 'networking.istio.io/v1beta1');
});

test('only given namespaces are asked for, and the root namespace', async () => {
  const server = serverWith('a');
  server.put('services', service('b', 80, 'other'));
  server.failing = { path: '/api/v1/nodes', status: 403 };
  const { catalog, started } = await watched(server, { watchNamespaces: ['shop'] });
  await started;
  assert.deepEqual(keys(catalog()), ['Service/shop/a']);
  const asked = new Set(
    server.paths.filter((path) => path.includes('services')).map((path) => path.split('?')[0] ?? ''),
  );
  assert.deepEqual([...asked].sort(), ['/api/v1/namespaces/shop/services', '/api/v1/namespaces/tulle-system/services']);
});

test('namespaces are read by their labels, as these change', async () => {
  const server = serverWith('a');
  server.put('services', service('b', 80, 'other'));
  server.put('services', service('r', 80, 'tulle-system'));
  server.put('namespaces', namespace('shop', { mesh: 'on' }));
  for (const name of ['other', 'tulle-system']) server.put('namespaces', namespace(name));
  const discoverySelectors = [{ matchLabels: { mesh: 'on' }, matchExpressions: [] }];
  const { catalog, started } = await watched(server, { discoverySelectors });
  await started;
  const services = () => keys(catalog()).filter((key) => key.startsWith('Service'));
  assert.deepEqual(services(), ['Service/shop/a', 'Service/tulle-system/r']);
  server.put('namespaces', namespace('other', { mesh: 'on' }));
  await settle();
  assert.deepEqual(services(), ['Service/other/b', 'Service/shop/a', 'Service/tulle-system/r']);
  server.put('namespaces', namespace('shop'));
  server.put('services', service('a', 81));
  await settle();
  assert.deepEqual(services(), ['Service/other/b', 'Service/tulle-system/r']);
  server.delete('namespaces', 'other');
  await settle();
  assert.deepEqual(services(), ['Service/tulle-system/r']);
});

test('once closed it asks nothing and tells nothing', async () => {
  const { server, source, batches, advance } = await watched(serverWith('a'));
  await source.close();
  const asked = server.paths.length;
  assert.equal(server.watches.size, 0);
  server.put('services', service('a', 81));
  await advance(100_000);
  assert.deepEqual([server.paths.length, batches.length], [asked, 1]);
});
