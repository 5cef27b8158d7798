/**
 * The whole way on a real API server: manifests, webhook, injected pods, capture, mutual TLS, routing, status. Applications are
 * bookinfo (stand-ins under the names of its images) and the order service, their YAML as it is.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type Cluster, withoutCluster } from '../support/kubernetes/cluster.ts';
import {
  aClient,
  fileOf,
  inClient,
  makeNamespace,
  startMeshCluster,
  strict,
  timeUntil,
  untilReady,
} from '../support/kubernetes/mesh-cluster.ts';

const samples = 'test/corpora/istio-samples/bookinfo';
/** How soon a change by kubectl is to hold for calls. */
const liveMs = 2000;

type Review = Readonly<{ rating?: Readonly<{ color?: string }> }>;

describe('a mesh on Kubernetes', { skip: withoutCluster ?? false }, () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await startMeshCluster();
    await makeNamespace(cluster, 'books');
    await makeNamespace(cluster, 'outside', 'name: outside');
    const client = [aClient('client', 'books'), aClient('stranger', 'outside'), strict('books')].join('\n---');
    await cluster.apply(client);
    await cluster.apply(await fileOf(`${samples}/platform/kube/bookinfo.yaml`), '-n', 'books');
    await untilReady(cluster, 'books', 'app');
    await untilReady(cluster, 'outside', 'app');
  });
  after(() => cluster?.close());

  const client = (script: string) => inClient(cluster, 'books/client', script);

  /** Colours of the stars in ten reviews, each once. */
  const colours = async () => {
    const answers = await client(
      'for i in 1 2 3 4 5 6 7 8 9 10; do curl -sSf http://reviews:9080/reviews/0; echo; done',
    );
    const reviews = answers.split('\n').map((line): unknown => JSON.parse(line));
    const found = reviews.map((answer) => (answer as { reviews: Review[] }).reviews[0]?.rating?.color ?? 'none');
    return [...new Set(found)].sort().join();
  };

  test('every pod of the namespace has its sidecar, and no other pod', async () => {
    const containers = async (namespace: string) =>
      (await cluster.pods(namespace, 'app')).map(({ spec }) =>
        spec?.containers.some(({ name }) => name === 'istio-proxy'),
      );
    assert.deepEqual(new Set(await containers('books')), new Set([true]));
    assert.deepEqual(await containers('outside'), [false]);
  });

  test('the product page shows details and reviews through the mesh', async () => {
    const page: unknown = JSON.parse(await client('curl -sSf http://productpage:9080/productpage'));
    const { details, reviews } = page as { details: { status: number }; reviews: { status: number } };
    assert.deepEqual([details.status, reviews.status], [200, 200]);
  });

  test('calls are mutually authenticated; without a certificate nobody gets in', async () => {
    const refused = await inClient(
      cluster,
      'outside/stranger',
      'curl -sS --max-time 5 http://productpage.books:9080/health 2>&1 || echo failed',
    );
    assert.match(refused, /failed$/);
    assert.doesNotMatch(refused, /healthy/);
    const [{ status } = {}] = await cluster.pods('books', 'app=details');
    const metrics = await inClient(
      cluster,
      'outside/stranger',
      `curl -sSf http://${status?.podIP}:15090/stats/prometheus`,
    );
    const calls = metrics
      .split('\n')
      .filter((line) => line.startsWith('istio_requests_total') && line.includes('reporter="destination"'));
    assert.ok(calls.length > 0, metrics.slice(0, 2000));
    for (const line of calls) assert.match(line, /connection_security_policy="mutual_tls"/);
    assert.ok(
      calls.some((line) => line.includes('source_principal="spiffe://cluster.local/ns/books/sa/bookinfo-productpage"')),
    );
  });

  test('routes that kubectl changes hold within two seconds', async () => {
    assert.equal(await timeUntil(async () => (await colours()) === 'black,none,red').then((ms) => ms < 10_000), true);
    await cluster.apply(await fileOf(`${samples}/networking/destination-rule-all-mtls.yaml`), '-n', 'books');
    for (const [file, colour] of [
      ['virtual-service-all-v1', 'none'],
      ['virtual-service-reviews-v3', 'red'],
      ['virtual-service-all-v1', 'none'],
    ] as const) {
      await cluster.apply(await fileOf(`${samples}/networking/${file}.yaml`), '-n', 'books');
      const took = await timeUntil(async () => (await colours()) === colour);
      assert.ok(took < liveMs, `${file}: ${took} ms`);
    }
  });

  test('kubectl shows whether a resource was taken and how far it has come', async () => {
    await eventually(async () => {
      const service: unknown = JSON.parse(
        await cluster.kubectl(['get', 'virtualservice', 'reviews', '-n', 'books', '-o', 'json']),
      );
      const { conditions = [] } =
        (service as { status?: { conditions?: { type: string; status: string; message?: string }[] } }).status ?? {};
      const reconciled = conditions.find(({ type }) => type === 'Reconciled');
      assert.equal(reconciled?.status, 'True', JSON.stringify(conditions));
      assert.match(JSON.stringify(conditions), /\b(\d+)\/\1\b/);
    }, 15_000);
  });

  test('a resource that is wrong is refused when it is applied', async () => {
    const wrong = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wrong, namespace: books}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}, weight: -1}]}]}`;
    await assert.rejects(cluster.apply(wrong), /weight/);
  });

  test('the order service runs as it is, and a TrafficSplit moves its payments', async () => {
    await cluster.kubectl(['apply', '-k', new URL('../../manifests/order-service', import.meta.url).pathname]);
    await cluster.apply(strict('shop'));
    const leaf = (version: string) => `
apiVersion: v1
kind: Service
metadata: {name: payments-${version}, namespace: shop}
spec: {selector: {app: payments, version: ${version}}, ports: [{name: http, port: 80, targetPort: http}]}`;
    await cluster.apply([leaf('v1'), leaf('v2')].join('\n---'));
    await untilReady(cluster, 'shop', 'app', 120_000);
    const [traffic] = await cluster.pods('shop', 'app=traffic');
    const lines = async () => {
      const log = await cluster.logs(`shop/${traffic?.metadata?.name}`, 'traffic');
      return log
        .split('\n')
        .filter((line) => line.startsWith('{') && line.endsWith('}'))
        .map((line): unknown => JSON.parse(line)) as {
        t: string;
        versions: Record<string, number>;
        failed: number;
        wrong: number;
      }[];
    };
    const versionsAt = async () =>
      Object.keys((await lines()).at(-1)?.versions ?? {})
        .sort()
        .join();
    await eventually(async () => (await versionsAt()) === 'v1,v2', 30_000);
    for (const version of ['v2', 'v1']) {
      await cluster.apply(`
apiVersion: split.smi-spec.io/v1alpha2
kind: TrafficSplit
metadata: {name: payments, namespace: shop}
spec: {service: payments, backends: [{service: payments-v1, weight: ${version === 'v1' ? 100 : 0}}, {service: payments-v2, weight: ${version === 'v2' ? 100 : 0}}]}`);
      const applied = new Date();
      // Each line counts one second: the first whole one after two seconds is all of the new version.
      await eventually(async () => {
        const late = (await lines()).filter(({ t }) => new Date(t).getTime() > applied.getTime() + liveMs + 1000);
        const paid = late.filter(({ versions }) => Object.keys(versions).length > 0);
        if (paid.length < 2) return false;
        for (const { versions } of paid) assert.deepEqual(Object.keys(versions), [version]);
        return true;
      }, 20_000);
    }
    const since = (await lines()).slice(-10);
    assert.equal(
      since.reduce((sum, { failed }) => sum + failed, 0),
      0,
      JSON.stringify(since),
    );
    assert.equal((await lines()).at(-1)?.wrong, 0);
  });
});
