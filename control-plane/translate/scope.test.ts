import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { aMesh, aNode, resourcesOf } from './test-support.ts';
import { indexMesh, type ProxyNode } from './translate.ts';
import { scopeFor } from './scope.ts';

const services = ['default/web', 'prod/api', 'prod/db', 'staging/api']
  .map((name) => name.split('/'))
  .map(
    ([namespace, name]) =>
      `kind: Service\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {ports: [{port: 80, protocol: TCP}]}\n`,
  );
const documents = (...texts: string[]): string => [...services, ...texts].join('---\n');
const sidecar = (name: string, namespace: string, spec: string): string =>
  `kind: Sidecar\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;

function seen(text: string, node: ProxyNode = aNode()): readonly string[] {
  return scopeFor(indexMesh(aMesh(resourcesOf(text))), node).services.map(({ host }) => host.split('.svc')[0] ?? '');
}

suite('what a proxy sees', () => {
  test('everything, when no Sidecar says otherwise', () => {
    assert.deepEqual(seen(documents()), ['api.prod', 'api.staging', 'db.prod', 'web.default']);
  });

  test('what the hosts of a Sidecar name: namespaces, own namespace, wildcards, nothing', () => {
    const hosts = (list: string): readonly string[] =>
      seen(documents(sidecar('s', 'default', `{egress: [{hosts: [${list}]}]}`)));
    assert.deepEqual(hosts('"./*"'), ['web.default']);
    assert.deepEqual(hosts('prod/api.prod.svc.cluster.local'), ['api.prod']);
    assert.deepEqual(hosts('"*/*.staging.svc.cluster.local"'), ['api.staging']);
    assert.deepEqual(hosts('"prod/*", "./*"'), ['api.prod', 'db.prod', 'web.default']);
    assert.deepEqual(hosts('"~/*"'), []);
  });

  test('a Sidecar that selects the workload goes before the one of the namespace, and that before the root namespace', () => {
    const root = sidecar('root', 'istio-system', '{egress: [{hosts: ["staging/*"]}]}');
    const whole = sidecar('whole', 'default', '{egress: [{hosts: ["./*"]}]}');
    const own = sidecar(
      'z-own',
      'default',
      '{workloadSelector: {labels: {app: client}}, egress: [{hosts: ["prod/*"]}]}',
    );
    assert.deepEqual(seen(documents(root, whole, own)), ['api.prod', 'db.prod']);
    assert.deepEqual(seen(documents(root, whole, own), aNode({ labels: { app: 'other' } })), ['web.default']);
    assert.deepEqual(seen(documents(root)), ['api.staging']);
  });

  test("of two services for one host its own namespace's", () => {
    const entry = (namespace: string, time: string): string =>
      `kind: ServiceEntry\nmetadata: {name: e, namespace: ${namespace}, creationTimestamp: "${time}"}\nspec: {hosts: [e.example.com], ports: [{number: 80, name: http}]}\n`;
    const text = documents(entry('prod', '2026-01-01T00:00:00Z'), entry('default', '2026-02-01T00:00:00Z'));
    const owner = (namespace: string): string | undefined =>
      scopeFor(indexMesh(aMesh(resourcesOf(text))), aNode({ namespace })).serviceByHost.get('e.example.com')?.namespace;
    assert.deepEqual([owner('default'), owner('prod'), owner('staging')], ['default', 'prod', 'prod']);
  });

  test('not what is exported to other namespaces alone', () => {
    const entry = (exportTo: string): string =>
      `kind: ServiceEntry\nmetadata: {name: e, namespace: prod}\nspec: {hosts: [e.example.com], exportTo: [${exportTo}], ports: [{number: 80, name: http}]}\n`;
    const hasEntry = (exportTo: string): boolean => seen(documents(entry(exportTo))).includes('e.example.com');
    assert.deepEqual(
      [hasEntry('"*"'), hasEntry('default'), hasEntry('"."'), hasEntry('"~"')],
      [true, true, false, false],
    );
  });

  test('where a proxy is: as it says, else as its workload is registered', () => {
    const entry =
      'kind: WorkloadEntry\nmetadata: {name: client, namespace: default}\nspec: {address: 10.77.1.10, locality: r1/z1}\n';
    const placeFor = (node: ProxyNode): string => scopeFor(indexMesh(aMesh(resourcesOf(entry))), node).locality;
    assert.equal(placeFor(aNode()), 'r1/z1/');
    assert.equal(placeFor(aNode({ name: 'other', ip: '10.77.1.10' })), 'r1/z1/');
    assert.equal(placeFor(aNode({ locality: { region: 'r2', zone: '', subzone: '' } })), 'r2//');
    assert.equal(placeFor(aNode({ name: 'other', ip: '10.77.1.99' })), '//');
  });

  test('proxies of one namespace with other labels share no scope where a rule ranks endpoints by labels', () => {
    const rule = (setting: string): string =>
      `kind: DestinationRule\nmetadata: {name: r, namespace: prod}\nspec: {host: api, subsets: [{name: s, trafficPolicy: {loadBalancer: {localityLbSetting: ${setting}}}}]}\n`;
    const isShared = (setting: string): boolean => {
      const index = indexMesh(aMesh(resourcesOf(documents(rule(setting)))));
      return scopeFor(index, aNode()) === scopeFor(index, aNode({ labels: { app: 'other' } }));
    };
    assert.deepEqual([isShared('{enabled: true}'), isShared('{failoverPriority: [app]}')], [true, false]);
  });
});
