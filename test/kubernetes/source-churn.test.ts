/**
 * The Kubernetes source against the world: an API server that is away, connections that are cut, thousands of endpoints that change. At the
 * end the catalog is what a fresh list gives. Short in CI; `TULLE_CHURN_SECONDS=60` and `TULLE_CHURN_ENDPOINTS=5000` are the full length.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { KubernetesObject, KubernetesObjectApi } from '@kubernetes/client-node';
import type { Catalog } from '../../control-plane/catalog/catalog.ts';
import { watchedKinds } from '../../control-plane/sources/kubernetes/kinds.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { ApiServer, withoutKubernetes } from '../support/kubernetes/api-server.ts';
import { applyObject, deleteObject, installKinds, WatchedCluster } from '../support/kubernetes/watched-cluster.ts';

const seconds = Number(process.env['TULLE_CHURN_SECONDS'] ?? 5);
const endpoints = Number(process.env['TULLE_CHURN_ENDPOINTS'] ?? 500);
const perSlice = 100;

const service = (name: string): KubernetesObject & { spec: object } => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', labels: { churn: 'yes' } },
  spec: { ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }] },
});
const virtualService = (n: number, round: number): KubernetesObject & { spec: object } => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: `vs-${n}`, namespace: 'default' },
  spec: { hosts: [`svc-${n}`], http: [{ timeout: `${round + 1}s`, route: [{ destination: { host: `svc-${n}` } }] }] },
});
const slice = (n: number, round: number): KubernetesObject & Record<string, unknown> => ({
  apiVersion: 'discovery.k8s.io/v1beta1',
  kind: 'EndpointSlice',
  metadata: { name: `churn-${n}`, namespace: 'default', labels: { 'kubernetes.io/service-name': `svc-${n % 20}` } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: Array.from({ length: perSlice }, (_, i) => ({
    addresses: [`10.${round % 200}.${n}.${i}`],
    conditions: { ready: (i + round) % 7 !== 0 },
    topology: { 'kubernetes.io/hostname': `n${i % 9}` },
  })),
});

const contentOf = (catalog: Catalog) =>
  new Map([...catalog.entries].map(([key, { resource, problems }]) => [key, { resource, problems }]));

/** Bytes of the heap that are in use, after a collection. */
function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

suite('the Kubernetes source under churn', { skip: withoutKubernetes ?? false, timeout: 600_000 }, () => {
  let server: ApiServer;
  let objects: KubernetesObjectApi;
  before(async () => {
    server = await ApiServer.start();
    objects = server.objects();
    await installKinds(objects);
    for (let n = 0; n < 20; n++) await applyObject(objects, service(`svc-${n}`));
  });
  after(() => server.close());

  /** Waits until a catalog is what a source that begins now finds. */
  async function equalsFreshList(watched: WatchedCluster): Promise<void> {
    const fresh = new WatchedCluster(server.clientConfig());
    try {
      await fresh.start();
      await eventually(() => {
        assert.deepEqual(contentOf(watched.catalog), contentOf(fresh.catalog));
        return true;
      }, 30_000);
    } finally {
      await fresh.source.close();
    }
  }

  test('an API server that is away: the last state stays, it is said to be old, and then it is made up for', async (t) => {
    const watched = new WatchedCluster(server.clientConfig(), { settings: { staleMs: 2000 } });
    await watched.start();
    try {
      const known = watched.catalog;
      await server.kill();
      await eventually(() => watched.source.health().stale.length === watchedKinds.length, 30_000);
      assert.equal(watched.source.health().isFresh, false);
      await sleep(seconds * 1000);
      assert.equal(watched.catalog, known, 'nothing was lost or made up');
      await server.resume();
      const resumedAt = performance.now();
      await applyObject(objects, service('after-the-outage'));
      await eventually(() => watched.catalog.entries.has('Service/default/after-the-outage'), 60_000);
      t.diagnostic(`a change was seen ${Math.round(performance.now() - resumedAt)} ms after the server was back`);
      await eventually(() => watched.source.health().isFresh, 60_000);
      await equalsFreshList(watched);
      const warnings = watched.logs.filter((line) => line.startsWith('warn Service '));
      assert.equal(warnings.length, 1, watched.logs.join('\n'));
    } finally {
      await watched.source.close();
    }
  });

  test('watches that are cut every second lose nothing', async (t) => {
    const proxy = await CuttingProxy.start(server.port);
    const config = server.clientConfig();
    for (const cluster of config.clusters) Object.assign(cluster, { server: `https://127.0.0.1:${proxy.port}` });
    const watched = new WatchedCluster(config);
    const cutting = setInterval(() => proxy.cut(), 1000);
    try {
      await watched.start();
      const end = performance.now() + seconds * 1000;
      for (let round = 0; performance.now() < end; round++) {
        await applyObject(objects, virtualService(round % 20, round));
        const made = service(`fleeting-${round}`);
        await applyObject(objects, made);
        if (round % 3 > 0) await deleteObject(objects, made);
      }
      clearInterval(cutting);
      await equalsFreshList(watched);
      const counts = watched.source.health().watchers.find(({ kind }) => kind === 'Service');
      t.diagnostic(
        `${proxy.cuts} connections cut; Services listed ${counts?.lists} times, watched ${counts?.watches} times`,
      );
      assert.ok(proxy.cuts >= seconds, `${proxy.cuts} cuts`);
      assert.ok((counts?.watches ?? 0) <= seconds * 2 + 5, 'no storm');
    } finally {
      clearInterval(cutting);
      await watched.source.close();
      await proxy.close();
    }
  });

  test(`${endpoints} endpoints churned: nothing is missed, and memory stays flat`, async (t) => {
    const watched = new WatchedCluster(server.clientConfig());
    const agent = new Agent({ keepAlive: true });
    await watched.start();
    try {
      const slices = Math.ceil(endpoints / perSlice);
      for (let n = 0; n < slices; n++) await applyObject(objects, slice(n, 0));
      const churn = async (round: number) => {
        for (let n = 0; n < slices; n++) await replaceSlice(server, agent, slice(n, round));
        await eventually(() => hasRound(watched.catalog, slices - 1, round), 60_000);
      };
      for (let round = 1; round <= 5; round++) await churn(round);
      const before = usedHeap();
      for (let round = 6; round <= 45; round++) await churn(round);
      const grown = usedHeap() - before;
      await equalsFreshList(watched);
      const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
      t.diagnostic(
        `${slices * 40} updates of ${perSlice} endpoints: heap ${megabytes(before)}, grown by ${megabytes(grown)}`,
      );
      assert.ok(grown < 3e6, megabytes(grown));
      for (let n = 0; n < slices; n++) await deleteObject(objects, slice(n, 0));
      await eventually(() => ![...watched.catalog.entries.keys()].some((key) => key.includes('/churn-')));
    } finally {
      await watched.source.close();
      agent.destroy();
    }
  });
});

/** Over one connection: the client library keeps something of each request, and memory is what is looked at. */
async function replaceSlice(server: ApiServer, agent: Agent, document: ReturnType<typeof slice>): Promise<void> {
  const options = { agent, method: 'PUT', headers: { 'content-type': 'application/json' } };
  await server.clientConfig().applyToHTTPSOptions(options);
  const path = `/apis/discovery.k8s.io/v1beta1/namespaces/default/endpointslices/${document.metadata?.name}`;
  const sent = request(`https://127.0.0.1:${server.port}${path}`, { ...options, agent });
  sent.end(JSON.stringify(document));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  assert.equal(response.statusCode, 200);
}

function hasRound(catalog: Catalog, n: number, round: number): boolean {
  const resource = catalog.entries.get(`EndpointSlice/default/churn-${n}`)?.resource;
  return resource?.kind === 'EndpointSlice' && resource.endpoints[0]?.addresses[0] === `10.${round % 200}.${n}.0`;
}
