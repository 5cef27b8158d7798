import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResource } from './parse.ts';
import { workloadNameOf, type PodMetadata } from './pod.ts';

const parsed = (document: unknown) => {
  const result = parseResource(document);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
};
const pathsOf = (document: unknown) => {
  const result = parseResource(document);
  return result.ok ? [] : result.problems.map(({ path }) => path);
};

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web-5f6c-x1',
    generateName: 'web-5f6c-',
    namespace: 'shop',
    uid: '1',
    labels: { app: 'web', 'pod-template-hash': '5f6c' },
    annotations: { 'sidecar.istio.io/inject': 'true', 'kubernetes.io/psp': 'x', 'mesh.tulle.dev/inject': 'true' },
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Other', name: 'o', uid: '2' },
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5f6c', uid: '3', controller: true },
    ],
    managedFields: [{ manager: 'kubelet' }],
  },
  spec: {
    serviceAccountName: 'web',
    nodeName: 'n1',
    restartPolicy: 'Always',
    containers: [{ name: 'app', image: 'web', ports: [{ containerPort: 8080, name: 'http' }], env: [] }],
  },
  status: {
    phase: 'Running',
    podIP: '10.0.0.1',
    podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }],
    conditions: [
      { type: 'Initialized', status: 'True' },
      { type: 'Ready', status: 'False', reason: 'x' },
    ],
  },
};

test('of a pod what a mesh reads is kept, and nothing else', () => {
  const read = parsed(pod);
  assert.deepEqual(read, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-5f6c-x1',
      generateName: 'web-5f6c-',
      namespace: 'shop',
      labels: { app: 'web', 'pod-template-hash': '5f6c' },
      annotations: { 'sidecar.istio.io/inject': 'true', 'mesh.tulle.dev/inject': 'true' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5f6c', controller: true }],
    },
    spec: {
      containers: [{ name: 'app', ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }] }],
      nodeName: 'n1',
      serviceAccountName: 'web',
    },
    status: {
      phase: 'Running',
      podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }],
      conditions: [{ type: 'Ready', status: 'False' }],
    },
  });
  assert.deepEqual(parsed(read), read, 'what was read is read again as the same');
});

test('a workload has the name of its deployment, stateful set, cron job, or the one that it claims', () => {
  const nameOf = (metadata: Partial<PodMetadata>) =>
    workloadNameOf({ metadata: { name: 'p', namespace: 'shop', labels: {}, annotations: {}, ...metadata } });
  const by = (kind: string, name: string, labels: Record<string, string> = {}) =>
    nameOf({
      generateName: 'p-',
      labels,
      ownerReferences: [{ apiVersion: 'x', kind, name, controller: true }],
    });
  assert.equal(nameOf({}), 'p');
  assert.equal(by('ReplicaSet', 'web-5f6c', { 'pod-template-hash': '5f6c' }), 'web');
  assert.equal(by('ReplicaSet', 'web-5f6c'), 'web-5f6c');
  assert.equal(by('StatefulSet', 'db'), 'db');
  assert.equal(by('Job', 'backup-27412345'), 'backup');
  assert.equal(by('Job', 'once'), 'once');
  assert.equal(by('StatefulSet', 'db', { 'service.istio.io/workload-name': 'store' }), 'store');
});

test('slices of both versions read the same', () => {
  const slice = (version: string, more: object) => ({
    apiVersion: `discovery.k8s.io/${version}`,
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: ['10.0.0.1'],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name: 'a', uid: 'u' },
        ...more,
      },
    ],
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  });
  const old = parsed(
    slice('v1beta1', { topology: { 'kubernetes.io/hostname': 'n1', 'topology.kubernetes.io/zone': 'z' } }),
  );
  const now = parsed(slice('v1', { nodeName: 'n1', zone: 'z' }));
  assert.ok(old.kind === 'EndpointSlice' && now.kind === 'EndpointSlice');
  assert.deepEqual(old.endpoints, now.endpoints);
  assert.deepEqual(now.endpoints, [
    {
      addresses: ['10.0.0.1'],
      conditions: { ready: true },
      nodeName: 'n1',
      zone: 'z',
      targetRef: { kind: 'Pod', name: 'a' },
    },
  ]);
  assert.deepEqual(parsed(old), old);
});

test('what cannot be an endpoint is refused by name', () => {
  const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'a' } };
  assert.deepEqual(pathsOf(slice), ['addressType']);
  assert.deepEqual(
    pathsOf({
      ...slice,
      addressType: 'IPv4',
      endpoints: [{ addresses: ['x'] }, { addresses: [] }, { addresses: ['10.0.0.1'], conditions: { ready: 'yes' } }],
      ports: [{ port: 0 }],
      spec: {},
    }),
    ['spec', 'endpoints[0].addresses[0]', 'endpoints[1].addresses', 'endpoints[2].conditions.ready', 'ports[0].port'],
  );
  assert.deepEqual(pathsOf({ ...pod, status: { podIP: 'no' } }), ['status.podIP']);
});

test('of nodes the place is kept, of namespaces the labels', () => {
  const node = parsed({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z', a: 'b' }, annotations: { x: 'y' } },
    status: { images: [] },
  });
  assert.deepEqual(node.metadata, {
    name: 'n1',
    namespace: 'default',
    labels: { 'topology.kubernetes.io/zone': 'z' },
    annotations: {},
  });
  const namespace = parsed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { a: 'b' } } });
  assert.deepEqual(namespace.metadata.labels, { a: 'b' });
});
