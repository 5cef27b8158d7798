import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultInjectionSettings, type InjectionSettings } from '#shared/injection/injection-settings.ts';
import { applyPatch } from '#shared/injection/json-patch.ts';
import { findContainer, isPod, type Pod } from '#shared/injection/pod.ts';
import {
  parseAdmissionReview,
  type AdmissionReview,
  type PatchOperation,
} from '#shared/kubernetes/admission-review.ts';
import { injectionWebhook, type InjectionEvent, type NamespaceFacts } from './webhook.ts';

const enabled: NamespaceFacts = { labels: { 'istio-injection': 'enabled' }, annotations: {} };

function aPod(metadata: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: 'shop-6f7-',
      labels: { app: 'shop', 'pod-template-hash': '6f7' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'shop-6f7', controller: true }],
      ...metadata,
    },
    spec: { containers: [{ name: 'shop', image: 'shop:1' }] },
  };
}

function aReview(request: object = {}, apiVersion = 'admission.k8s.io/v1'): AdmissionReview {
  const review = parseAdmissionReview({
    apiVersion,
    kind: 'AdmissionReview',
    request: {
      uid: 'u1',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'shop',
      operation: 'CREATE',
      userInfo: { username: 'a' },
      object: aPod(),
      ...request,
    },
  });
  assert.ok(review.ok);
  return review.value;
}

type Cluster = Readonly<{
  namespaces?: Record<string, NamespaceFacts>;
  isNative?: boolean;
  settings?: Partial<InjectionSettings>;
}>;

function answer(
  review: AdmissionReview,
  { namespaces = { shop: enabled }, isNative = true, settings = {} }: Cluster = {},
) {
  const events: InjectionEvent[] = [];
  const webhook = injectionWebhook(
    () => ({ ...defaultInjectionSettings('i:1'), ...settings }),
    { namespaceOf: (name) => namespaces[name] ?? null, takesNativeSidecars: () => isNative },
    (event) => events.push(event),
  );
  const { response, request } = webhook(review);
  assert.ok(response !== undefined);
  const patch =
    response.patch === undefined
      ? []
      : (JSON.parse(Buffer.from(response.patch, 'base64').toString()) as PatchOperation[]);
  const pod = applyPatch(request.object, patch);
  return { response, patch, pod, events };
}

const hasProxy = (pod: unknown) => isPod(pod) && findContainer(pod, 'istio-proxy') !== undefined;

test('a pod that is created gets its sidecar by a patch, in both versions of the review', () => {
  for (const version of ['admission.k8s.io/v1', 'admission.k8s.io/v1beta1']) {
    const { response, pod, events } = answer(aReview({}, version));
    assert.deepEqual([response.uid, response.allowed, response.patchType], ['u1', true, 'JSONPatch']);
    assert.ok(hasProxy(pod));
    assert.deepEqual(
      events.map(({ namespace, name, outcome }) => [namespace, name, outcome]),
      [['shop', 'shop-6f7-', 'injected']],
    );
  }
});

test('the owner is found by the references of the pod', () => {
  const { pod } = answer(aReview());
  const env = findContainer(pod as Pod, 'istio-proxy')?.env;
  assert.equal(
    env?.find(({ name }) => name === 'ISTIO_META_OWNER')?.value,
    'kubernetes://apis/apps/v1/namespaces/shop/deployments/shop',
  );
});

test('namespaces of Kubernetes and of the mesh are let through before anything is looked at', () => {
  for (const namespace of ['kube-system', 'kube-public', 'kube-node-lease', 'tulle-system']) {
    const bad = aPod({
      annotations: { 'sidecar.istio.io/interceptionMode': 'bad' },
      labels: { 'sidecar.istio.io/inject': 'true' },
    });
    const { response, events } = answer(aReview({ namespace, object: bad }), { namespaces: { [namespace]: enabled } });
    assert.deepEqual(response, { uid: 'u1', allowed: true });
    assert.deepEqual(events, []);
  }
});

test('what is no pod that is created is let through', () => {
  for (const request of [
    { operation: 'UPDATE', oldObject: aPod() },
    { operation: 'DELETE', object: null },
    { kind: { group: 'apps', version: 'v1', kind: 'Deployment' } },
    { subResource: 'ephemeralcontainers' },
    { object: { spec: { containers: 'x' } } },
  ])
    assert.deepEqual(answer(aReview(request)).response, { uid: 'u1', allowed: true });
});

test('labels of the namespace decide where they are known; where not, the pod does', () => {
  const within = (labels: Record<string, string>) =>
    answer(aReview(), { namespaces: { shop: { labels, annotations: {} } } });
  assert.ok(hasProxy(within({ 'mesh.tulle.dev/injection': 'enabled' }).pod));
  assert.ok(!hasProxy(within({ 'mesh.tulle.dev/injection': 'disabled', 'istio-injection': 'enabled' }).pod));
  assert.equal(within({}).events[0]?.decision?.reason, 'namespace-not-enabled');
  assert.ok(hasProxy(answer(aReview(), { namespaces: {} }).pod));
});

test('a pod whose annotations are wrong is refused with all that is wrong', () => {
  const annotations = { 'sidecar.istio.io/interceptionMode': 'bad', 'proxy.istio.io/config': 'nobody: 1' };
  const { response, events } = answer(aReview({ object: aPod({ annotations }) }));
  assert.equal(response.allowed, false);
  assert.equal(response.status?.code, 400);
  assert.equal(response.patch, undefined);
  assert.match(
    response.status?.message ?? '',
    /^the sidecar cannot be injected: sidecar\.istio\.io\/interceptionMode: "bad" is not valid, must be one of REDIRECT, TPROXY, NONE/,
  );
  assert.equal(events[0]?.outcome, 'refused');
});

test('what is doubtful is told to the user', () => {
  const { response } = answer(
    aReview({ object: aPod({ annotations: { 'sidecar.istio.io/bootstrapOverride': 'x' } }) }),
  );
  assert.deepEqual(
    [response.allowed, response.warnings],
    [true, ['sidecar.istio.io/bootstrapOverride: is not honoured']],
  );
});

test('whether sidecars are native follows the nodes, at each request', () => {
  const isInit = (isNative: boolean) =>
    ((answer(aReview(), { isNative }).pod as Pod).spec.initContainers ?? []).some(({ name }) => name === 'istio-proxy');
  assert.deepEqual([isInit(true), isInit(false)], [true, false]);
});

test('a second call changes nothing', () => {
  const { pod } = answer(aReview());
  assert.deepEqual(answer(aReview({ object: pod })).response, { uid: 'u1', allowed: true });
});
