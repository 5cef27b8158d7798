import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAdmissionReview } from '#shared/kubernetes/admission-review.ts';
import { defaultMeshConfig } from '#shared/model/mesh-config.ts';
import { parseResource } from '#shared/model/parse.ts';
import { resourceKey } from '#shared/model/resource.ts';
import { emptyCatalog, type Catalog } from '../catalog/catalog.ts';
import { reduceCatalog } from '../catalog/reduce.ts';
import { systemNamespaces, validateReview } from './validate.ts';

const aVirtualService = (name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name, namespace: 'shop', creationTimestamp: '2026-01-02T00:00:00Z', ...metadata },
  spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' } }] }], ...spec },
});
const aService = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { selector: { app: name }, ports: [{ port: 80, name: 'http' }] },
});
const soon = { http: [{ timeout: 'soon', route: [{ destination: { host: 'reviews' } }] }] };
const old = { creationTimestamp: '2026-01-01T00:00:00Z' };

function aCatalog(...documents: readonly object[]): Catalog {
  return documents.reduce<Catalog>((catalog, document) => {
    const parsed = parseResource(document);
    assert.ok(parsed.ok, JSON.stringify(parsed));
    const origin = { source: 'kubernetes', file: '', line: 0 };
    const upsert = { kind: 'upsert' as const, key: resourceKey(parsed.value), resource: parsed.value, origin };
    return reduceCatalog(catalog, [{ ...upsert, warnings: [] }]);
  }, emptyCatalog);
}

type Asked = Readonly<{ catalog?: Catalog; oldObject?: object; operation?: string; subResource?: string }>;

function ask(object: object, { catalog = aCatalog(aService('reviews')), oldObject, ...more }: Asked = {}) {
  const { metadata, kind } = object as { metadata?: { namespace?: string }; kind?: string };
  const review = parseAdmissionReview({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      operation: oldObject === undefined ? 'CREATE' : 'UPDATE',
      kind: { group: '', version: 'v1', kind },
      namespace: metadata?.namespace ?? 'shop',
      object,
      oldObject,
      ...more,
    },
  });
  assert.ok(review.ok);
  const exempt = [...systemNamespaces, 'tulle-system'];
  const { response } = validateReview(review.value, { catalog, mesh: defaultMeshConfig, exempt });
  return {
    allowed: response?.allowed,
    ...(response?.status === undefined ? {} : { message: response.status.message }),
    ...(response?.warnings === undefined ? {} : { warnings: response.warnings }),
  };
}

test('what is right passes without a word', () => {
  assert.deepEqual(ask(aVirtualService('a')), { allowed: true });
  assert.deepEqual(ask(aService('reviews')), { allowed: true });
});

test('what is wrong by itself is refused, with every reason; what is not honoured is a warning', () => {
  const wrong = aVirtualService('a', { http: [{ timeout: 'soon', route: [] }] });
  const answer = ask(wrong);
  assert.equal(answer.allowed, false);
  assert.match(answer.message ?? '', /spec\.http\[0\]\.route: .*; spec\.http\[0\]\.timeout/);
  const gateways = ask(aVirtualService('a', { gateways: ['mesh', 'edge'] }));
  assert.equal(gateways.allowed, true);
  assert.match(gateways.warnings?.join() ?? '', /spec\.gateways\[1\].*there are no gateways/);
});

test('a destination that is not there yet is a warning, for it may be applied next', () => {
  assert.deepEqual(ask(aVirtualService('a', { http: [{ route: [{ destination: { host: 'later' } }] }] })), {
    allowed: true,
    warnings: [
      'spec.http[0].route[0].destination: host later.shop.svc.cluster.local is not found: no Service or ServiceEntry has it [IST0101]',
    ],
  });
});

test('a host that an older VirtualService has is refused, and the winner is named', () => {
  const catalog = aCatalog(aService('reviews'), aVirtualService('first', {}, old));
  const answer = ask(aVirtualService('second'), { catalog });
  assert.equal(answer.allowed, false);
  assert.match(answer.message ?? '', /has the older VirtualService\/shop\/first, which wins/);
  // Of the same second the name decides: then it is the other that would not hold any more.
  const same = ask(aVirtualService('a', {}, old), { catalog });
  assert.equal(same.allowed, false);
  assert.match(
    same.message ?? '',
    /^VirtualService\/shop\/first: .* has the older VirtualService\/shop\/a, which wins/,
  );
  // It stands so already: nothing gets worse.
  const both = aCatalog(aService('reviews'), aVirtualService('first', {}, old), aVirtualService('second'));
  const changed = aVirtualService('second', {
    http: [{ timeout: '1s', route: [{ destination: { host: 'reviews' } }] }],
  });
  const update = ask(changed, { catalog: both, oldObject: aVirtualService('second') });
  assert.equal(update.allowed, true);
  assert.match(update.warnings?.join() ?? '', /IST0109/);
});

test('what a change makes wrong in others is a warning with their names', () => {
  const subset = { http: [{ route: [{ destination: { host: 'reviews', subset: 'v1' } }] }] };
  const aRule = (subsets: readonly object[]) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'reviews', namespace: 'shop' },
    spec: { host: 'reviews', subsets },
  });
  const v1 = aRule([{ name: 'v1', labels: { version: 'v1' } }]);
  const catalog = aCatalog(aService('reviews'), v1, aVirtualService('a', subset));
  const { allowed, warnings } = ask(aRule([]), { catalog, oldObject: v1 });
  assert.equal(allowed, true);
  assert.match(warnings?.join() ?? '', /^VirtualService\/shop\/a: spec\.http\[0\].*subset v1/);
});

test('deletion, subresources, unknown kinds and what is being deleted are always allowed', () => {
  const wrong = aVirtualService('a', soon);
  for (const answer of [
    ask(wrong, { operation: 'DELETE' }),
    ask(wrong, { subResource: 'status' }),
    ask({ apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'a' }, spec: 7 }),
    ask({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }),
    ask(aVirtualService('a', soon, { deletionTimestamp: '2026-01-01T00:00:00Z' })),
  ])
    assert.deepEqual(answer, { allowed: true });
});

test('a kind of the mesh that does nothing yet passes with a word about it', () => {
  const wasm = { apiVersion: 'extensions.istio.io/v1alpha1', kind: 'WasmPlugin', metadata: { name: 'a' }, spec: {} };
  assert.deepEqual(ask(wasm), {
    allowed: true,
    warnings: ['kind WasmPlugin of apiVersion extensions.istio.io/v1alpha1 is not honoured yet'],
  });
});

test('nothing is refused in the namespaces of the cluster and of the control plane', () => {
  for (const namespace of ['kube-system', 'tulle-system']) {
    const { allowed, warnings } = ask(aVirtualService('a', soon, { namespace }));
    assert.equal(allowed, true);
    assert.match(warnings?.join() ?? '', /spec\.http/);
  }
});

test('labels of what was wrong before can be changed, its spec only to something right', () => {
  const wrong = aVirtualService('a', soon);
  const labelled = aVirtualService('a', soon, { labels: { team: 'x' } });
  const { allowed, warnings } = ask(labelled, { oldObject: wrong });
  assert.equal(allowed, true);
  assert.match(warnings?.join() ?? '', /spec\.http/);
  assert.equal(ask(aVirtualService('a', { http: [{ retries: 7 }] }), { oldObject: wrong }).allowed, false);
});

test('many problems are told in part and counted', () => {
  const http = Array.from({ length: 40 }, () => ({ route: [{ destination: { host: 'gone' } }] }));
  const { warnings } = ask(aVirtualService('a', { http }));
  assert.equal(warnings?.length, 16);
  assert.match(warnings?.at(-1) ?? '', /^and \d+ more/);
});
