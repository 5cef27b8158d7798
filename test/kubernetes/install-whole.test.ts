/** A whole cluster with a node and a control plane that runs in it: `meshctl check` has nothing to say, and reports what pods do. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Finding } from '../../meshctl/check/verdict.ts';
import { eventually } from '../support/eventually.ts';
import { withoutCluster, type Cluster } from '../support/kubernetes/cluster.ts';
import { aClient, makeNamespace, meshctl, startMeshCluster, untilReady } from '../support/kubernetes/mesh-cluster.ts';

suite('meshctl check in a cluster', { skip: withoutCluster ?? false }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await startMeshCluster(['--replicas', '2']);
  });
  after(() => cluster?.close());

  /** Findings of one state, of what does not belong to the old server itself. */
  async function findings(state: Finding['state']): Promise<readonly string[]> {
    const all = JSON.parse(await meshctl(cluster, ['check', '-o', 'json'])) as readonly Finding[];
    const own = all.filter((finding) => finding.state === state && finding.category !== 'cluster');
    return own.map(({ category, name, message }) => `${category}: ${name}: ${message}`);
  }

  test('an installation that runs is whole', async () => {
    await eventually(async () => {
      assert.deepEqual(await findings('error'), []);
      assert.deepEqual(await findings('warning'), []);
    }, 30_000);
  });

  test('a pod with a sidecar is counted among the connected ones', async () => {
    await makeNamespace(cluster, 'shop');
    await cluster.apply(aClient('caller', 'shop'));
    await untilReady(cluster, 'shop', 'app=caller');
    await eventually(async () => {
      assert.deepEqual(await findings('error'), []);
      const skipped = await findings('skipped');
      assert.ok(!skipped.some((line) => line.startsWith('sidecars: the sidecars are')), skipped.join('\n'));
    }, 30_000);
  });

  test('the control plane has every right that it uses', async () => {
    await cluster.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec: {hosts: [orders], http: [{route: [{destination: {host: orders}}]}]}`);
    await eventually(async () => {
      const path = '-o=jsonpath={.status.conditions[*].type}';
      return (await cluster.kubectl(['-n', 'shop', 'get', 'virtualservice', 'orders', path])).trim() !== '';
    }, 30_000);
    for (const { metadata } of await cluster.pods('tulle-system', 'app.kubernetes.io/name=tulle-control-plane')) {
      const log = await cluster.logs(`tulle-system/${metadata?.name}`, 'control-plane');
      assert.doesNotMatch(log, /forbidden|403/i);
    }
  });
});
