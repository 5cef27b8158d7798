import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carryOver, createdAnnotation } from './carry-over.ts';
import { inventoryOf, readInventory, staleObjects } from './inventory.ts';
import { managersIn } from './installer.ts';
import { readManifests, type Manifest } from './manifests.ts';
import { fromRegistry, planInstall, type InstallSettings } from './plan.ts';
import { rolloutOf, whyNotReady } from './workload.ts';

const manifests = readManifests();
const defaults: InstallSettings = {
  namespace: 'tulle-system',
  replicas: null,
  imageRegistry: null,
  image: null,
  sidecarImage: null,
  meshConfig: null,
  skipDefinitions: false,
};
const all = () => true;
const plan = (settings: Partial<InstallSettings> = {}, serves: (apiVersion: string, kind: string) => boolean = all) =>
  planInstall(manifests, { ...defaults, ...settings }, serves);
const objectsOf = (settings: Partial<InstallSettings> = {}) => plan(settings).stages.flatMap(({ objects }) => objects);
const find = (objects: readonly Manifest[], kind: string, name = 'tulle-control-plane') =>
  objects.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)!;
const live = (object: object) => ({ metadata: { name: 'x' }, ...object });

test('webhooks are the last stage, after what answers them', () => {
  const names = plan().stages.map(({ name }) => name);
  assert.deepEqual(names, ['namespace', 'definitions', 'rights', 'settings', 'workload', 'webhooks']);
});

test('an older server gets the versions that it has, and not what it does not know', () => {
  const missing = ['policy/v1 ', 'autoscaling/v2 ', 'monitoring.coreos.com/v1 '];
  const { stages, leftOut } = plan({}, (apiVersion) => !missing.includes(`${apiVersion} `));
  const objects = stages.flatMap(({ objects: own }) => own);
  assert.equal(find(objects, 'PodDisruptionBudget').apiVersion, 'policy/v1beta1');
  assert.equal(find(objects, 'HorizontalPodAutoscaler').apiVersion, 'autoscaling/v2beta2');
  assert.deepEqual(
    leftOut.map(({ kind }) => kind),
    ['PodMonitor', 'PodMonitor'],
  );
});

test('another namespace stands everywhere, in names, selectors and settings', () => {
  assert.ok(!JSON.stringify(objectsOf({ namespace: 'mesh' })).includes('tulle-system'));
});

test('one replica is neither protected nor multiplied', () => {
  const objects = objectsOf({ replicas: 1 });
  assert.deepEqual(find(objects, 'PodDisruptionBudget')['spec'], {
    ...(find(objectsOf(), 'PodDisruptionBudget')['spec'] as object),
    minAvailable: 0,
  });
  const { minReplicas, maxReplicas } = find(objects, 'HorizontalPodAutoscaler')['spec'] as Record<string, number>;
  assert.deepEqual([minReplicas, maxReplicas], [1, 1]);
});

test('images come from a registry of the user, or are those that the user names', () => {
  assert.equal(fromRegistry('tulle/sidecar:1', 'registry.test/a/'), 'registry.test/a/tulle/sidecar:1');
  const images = (settings: Partial<InstallSettings>) => {
    const objects = objectsOf(settings);
    const { template } = find(objects, 'Deployment')['spec'] as {
      template: { spec: { containers: { image: string }[] } };
    };
    const { config } = find(objects, 'ConfigMap', 'tulle-injector')['data'] as { config: string };
    return [template.spec.containers[0]!.image, /^image: (.*)$/m.exec(config)?.[1]];
  };
  assert.deepEqual(images({ image: 'a:1', sidecarImage: 'b:2', imageRegistry: 'c' }), ['a:1', 'b:2']);
  for (const image of images({ imageRegistry: 'c' })) assert.match(image!, /^c\/tulle\//);
});

test('settings of the mesh are replaced as a whole, definitions can stay away', () => {
  const { mesh } = find(objectsOf({ meshConfig: 'a: b\n' }), 'ConfigMap', 'tulle-mesh')['data'] as { mesh: string };
  assert.equal(mesh, 'a: b\n');
  assert.equal(
    find(objectsOf({ skipDefinitions: true }), 'CustomResourceDefinition', 'gateways.networking.istio.io'),
    undefined,
  );
});

test('certificate and policy of a webhook, and replicas of an autoscaler, are carried over', () => {
  const hooks = find(objectsOf(), 'MutatingWebhookConfiguration', 'tulle-injector');
  const [first] = hooks['webhooks'] as { name: string }[];
  const there = live({ webhooks: [{ name: first!.name, clientConfig: { caBundle: 'YQ==' }, failurePolicy: 'Fail' }] });
  const carried = carryOver(hooks, there, { keepsReplicas: true })['webhooks'] as {
    clientConfig: { caBundle?: string; service: object };
    failurePolicy: string;
  }[];
  assert.equal(carried[0]!.clientConfig.caBundle, 'YQ==');
  assert.equal(carried[0]!.failurePolicy, 'Fail');
  assert.ok('service' in carried[0]!.clientConfig);
  assert.equal(carried[1]!.failurePolicy, 'Ignore');
  const deployment = find(objectsOf(), 'Deployment');
  const replicas = (count: number, keepsReplicas: boolean) =>
    (carryOver(deployment, live({ spec: { replicas: count } }), { keepsReplicas })['spec'] as { replicas: number })
      .replicas;
  assert.equal(replicas(5, true), 5);
  assert.equal(replicas(5, false), 2);
  // None at all is what somebody broke.
  assert.equal(replicas(0, true), 2);
});

test('only a namespace that was made by the installation is marked as ours to delete', () => {
  const namespace = find(objectsOf(), 'Namespace', 'tulle-system');
  const mark = (annotations: object | null) =>
    carryOver(namespace, annotations === null ? null : live({ metadata: { name: 'x', annotations } }), {
      keepsReplicas: true,
    }).metadata.annotations?.[createdAnnotation];
  assert.equal(mark(null), 'meshctl');
  assert.equal(mark({}), undefined);
  assert.equal(mark({ [createdAnnotation]: 'meshctl' }), 'meshctl');
});

test('an inventory is read as it was written, and what is not installed any more is stale', () => {
  const objects = objectsOf();
  const inventory = inventoryOf(objects, { namespace: 'tulle-system', version: '1' });
  const read = readInventory(inventory);
  assert.equal(read.length, objects.length);
  assert.deepEqual(staleObjects(read, objects), []);
  const old = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'tulle-system', name: 'old' };
  const moved = {
    apiVersion: 'policy/v1beta1',
    kind: 'PodDisruptionBudget',
    namespace: 'tulle-system',
    name: 'tulle-control-plane',
  };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    namespace: '',
    name: 'a',
  };
  assert.deepEqual(staleObjects([...read, old, moved, definition], objects), [old]);
  assert.deepEqual(readInventory(null), []);
});

test('owners of fields are read from what the server says of a conflict', () => {
  const message =
    '409 Apply failed with 2 conflicts: conflicts with "helm" using v1:\n- .a\nconflict with "kubectl" using apps/v1: .b';
  assert.deepEqual(managersIn(message), ['helm', 'kubectl']);
  assert.deepEqual(managersIn('the object has been modified'), []);
});

test('a rollout is done when all replicas are of the last template and available', () => {
  const of = (status: object, generation = 2) =>
    rolloutOf({ metadata: { name: 'x', generation }, spec: { replicas: 2 }, status }).isDone;
  const done = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2 };
  assert.equal(of(done), true);
  assert.equal(of(done, 3), false);
  assert.equal(of({ ...done, replicas: 3 }), false);
  assert.equal(of({ ...done, availableReplicas: 1 }), false);
  assert.equal(of({}), false);
});

test('why a pod is not ready is said in its own words', () => {
  const why = (status: object) => whyNotReady({ metadata: { name: 'x' }, status });
  const waiting = { name: 'app', state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } };
  assert.equal(why({ conditions: [{ type: 'Ready', status: 'True' }] }), null);
  assert.equal(why({ containerStatuses: [waiting] }), 'app: ImagePullBackOff (no such image)');
  const unschedulable = { type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' };
  assert.equal(why({ conditions: [unschedulable] }), 'it is not scheduled: 0/3 nodes are available');
  assert.equal(why({ phase: 'Pending' }), 'it is Pending');
  assert.equal(why({ containerStatuses: [{ name: 'app', ready: false, state: { running: {} } }] }), 'not ready: app');
});
