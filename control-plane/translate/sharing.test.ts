/** What did not change is the same object: between proxies, and between generations. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Resource } from '#shared/model/resource.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { aMesh, aNode, resourcesOf } from './test-support.ts';
import { indexMesh, translate, type TypedResources } from './translate.ts';

const resources = resourcesOf(`
kind: Service
metadata: {name: reviews}
spec: {clusterIP: 10.96.0.10, selector: {app: reviews}, ports: [{name: http, port: 80, protocol: TCP}]}
---
kind: Service
metadata: {name: ratings}
spec: {clusterIP: 10.96.0.11, selector: {app: ratings}, ports: [{name: http, port: 80, protocol: TCP}, {name: tcp, port: 9000, protocol: TCP}]}
---
kind: WorkloadEntry
metadata: {name: reviews-1}
spec: {address: 10.77.1.11, serviceAccount: reviews, labels: {app: reviews}}
---
kind: WorkloadEntry
metadata: {name: ratings-1}
spec: {address: 10.77.1.12, serviceAccount: ratings, labels: {app: ratings}}
---
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, trafficPolicy: {loadBalancer: {simple: RANDOM}}}
---
kind: VirtualService
metadata: {name: reviews}
spec: {hosts: [reviews], http: [{route: [{destination: {host: ratings}}]}]}
`);

/** Names of the resources that are other objects, by type and name. */
function changed(before: TypedResources, after: TypedResources): readonly string[] {
  return [...after].flatMap(([typeUrl, named]) =>
    [...named]
      .filter(([name, message]) => before.get(typeUrl)?.get(name) !== message)
      .map(([name]) => `${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} ${name}`),
  );
}

function without(kind: string, name: string): readonly Resource[] {
  return resources.filter((resource) => resource.kind !== kind || resource.metadata.name !== name);
}

suite('sharing', () => {
  const node = aNode();
  const start = () => {
    const index = indexMesh(aMesh(resources));
    return { index, first: translate(index, node) };
  };

  test('two proxies that see the same share everything that goes out', () => {
    const { index, first } = start();
    const other = translate(index, aNode({ name: 'other', ip: '10.77.1.30' }));
    assert.deepEqual(changed(first, other), ['Listener virtualInbound']);
  });

  test('proxies of different namespaces share clusters and endpoints', () => {
    const { index, first } = start();
    const other = translate(index, aNode({ name: 'other', namespace: 'prod', ip: '10.77.1.30' }));
    const differing = changed(first, other).filter((name) => !/^(Listener|RouteConfiguration)/.test(name));
    assert.deepEqual(differing, []);
  });

  test('a generation in which nothing changed is the same, even when its resources were read anew', () => {
    const { index, first } = start();
    assert.deepEqual(changed(first, translate(indexMesh(aMesh(resources, {}, 2), index), node)), []);
    const copies: readonly Resource[] = structuredClone(resources);
    assert.deepEqual(changed(first, translate(indexMesh(aMesh(copies, {}, 3), index), node)), []);
  });

  test('a new endpoint changes the endpoints of its service alone', () => {
    const { index, first } = start();
    const added = resourcesOf(
      'kind: WorkloadEntry\nmetadata: {name: ratings-2}\nspec: {address: 10.77.1.13, serviceAccount: ratings, labels: {app: ratings}}',
    );
    const next = translate(indexMesh(aMesh([...resources, ...added], {}, 2), index), node);
    assert.deepEqual(changed(first, next), [
      'ClusterLoadAssignment outbound|80||ratings.default.svc.cluster.local',
      'ClusterLoadAssignment outbound|9000||ratings.default.svc.cluster.local',
    ]);
  });

  test('one endpoint of a slice changes the endpoints of its service alone, and not the workloads of others', () => {
    const cluster = (ready: boolean) =>
      resourcesOf(
        ['a', 'b']
          .map(
            (name, i) =>
              `kind: Service\nmetadata: {name: ${name}}\nspec: {selector: {app: ${name}}, ports: [{name: http, port: 80, protocol: TCP}]}\n---\nkind: Pod\nmetadata: {name: ${name}-1}\nspec: {containers: []}\nstatus: {podIPs: [{ip: 10.0.0.${i}}], conditions: []}\n---\nkind: EndpointSlice\nmetadata: {name: ${name}-1, labels: {kubernetes.io/service-name: ${name}}}\naddressType: IPv4\nports: [{name: http, port: 80, protocol: TCP}]\nendpoints: [{addresses: [10.0.0.${i}], conditions: {ready: ${name === 'b' || ready}}, targetRef: {kind: Pod, name: ${name}-1}}]\n`,
          )
          .join('---\n'),
      );
    const all = cluster(true);
    const index = indexMesh(aMesh(all));
    const first = translate(index, node);
    const unready = cluster(false)[2]!;
    const next = indexMesh(aMesh([all[0]!, all[1]!, unready, ...all.slice(3)], {}, 2), index);
    assert.deepEqual(changed(first, translate(next, node)), [
      'ClusterLoadAssignment outbound|80||a.default.svc.cluster.local',
    ]);
  });

  test('a port that takes no mutual TLS any more changes its endpoints, and the listener of its workload', () => {
    const index = indexMesh(aMesh(resources));
    const server = aNode({ name: 'ratings-1', labels: { app: 'ratings' }, ip: '10.77.1.12' });
    const before = translate(index, server);
    const policy = resourcesOf(
      'kind: PeerAuthentication\nmetadata: {name: p}\nspec: {selector: {matchLabels: {app: ratings}}, portLevelMtls: {"9000": {mode: DISABLE}}}',
    );
    const next = indexMesh(aMesh([...resources, ...policy], {}, 2), index);
    const endpoints = 'ClusterLoadAssignment outbound|9000||ratings.default.svc.cluster.local';
    assert.deepEqual(changed(before, translate(next, server)), [endpoints, 'Listener virtualInbound']);
    assert.deepEqual(changed(translate(index, node), translate(next, node)), [endpoints]);
  });

  test('a rule that goes changes the cluster that it shaped', () => {
    const { index, first } = start();
    const next = translate(indexMesh(aMesh(without('DestinationRule', 'reviews'), {}, 2), index), node);
    assert.deepEqual(changed(first, next), ['Cluster outbound|80||reviews.default.svc.cluster.local']);
  });

  test('a virtual service that goes changes the routes that it made', () => {
    const { index, first } = start();
    const next = translate(indexMesh(aMesh(without('VirtualService', 'reviews'), {}, 2), index), node);
    assert.deepEqual(changed(first, next), ['RouteConfiguration 80']);
  });

  test('what is gone is not sent', () => {
    const { index } = start();
    const gone = translate(indexMesh(aMesh(without('Service', 'ratings'), {}, 2), index), node);
    assert.deepEqual(
      [...(gone.get(typeUrls.endpoints)?.keys() ?? [])],
      ['outbound|80||reviews.default.svc.cluster.local'],
    );
  });
});
