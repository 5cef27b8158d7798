import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultMeshConfig } from '../model/mesh-config.ts';
import { parseResource } from '../model/parse.ts';
import type { Resource } from '../model/resource.ts';
import { analyze } from './analyze.ts';

const apiVersions: Readonly<Record<string, string>> = {
  Service: 'v1',
  PeerAuthentication: 'security.istio.io/v1',
  TrafficSplit: 'split.smi-spec.io/v1alpha4',
};

function aResource(kind: string, name: string, spec: unknown, metadata: object = {}): Resource {
  const apiVersion = apiVersions[kind] ?? 'networking.istio.io/v1';
  const result = parseResource({ apiVersion, kind, metadata: { name, ...metadata }, spec });
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

const aService = (name: string) => aResource('Service', name, { selector: { app: name }, ports: [{ port: 80 }] });
const aWorkload = (app: string, version: string, at: number) =>
  aResource('WorkloadEntry', `${app}-${at}`, { address: `10.0.0.${at}`, labels: { app, version } });
const aRoute = (host: string, subset?: string) => ({
  route: [{ destination: subset === undefined ? { host } : { host, subset } }],
});
const aVirtualService = (name: string, http: readonly object[], more: object = {}, metadata: object = {}) =>
  aResource('VirtualService', name, { hosts: ['reviews'], http, ...more }, metadata);
const aRule = (spec: object) => aResource('DestinationRule', 'reviews', { host: 'reviews', ...spec });

function found(...resources: readonly Resource[]): readonly string[] {
  return analyze(resources, defaultMeshConfig).map(({ code, resource, path }) => `${code} ${resource} ${path}`);
}

test('finds nothing where nothing is wrong', () => {
  assert.deepEqual(
    found(
      aService('reviews'),
      aWorkload('reviews', 'v1', 1),
      aWorkload('reviews', 'v2', 2),
      aRule({
        subsets: [{ name: 'v1', labels: { version: 'v1' } }],
        trafficPolicy: { outlierDetection: { maxEjectionPercent: 50 } },
      }),
      aVirtualService('reviews', [
        { match: [{ uri: { prefix: '/a' } }], ...aRoute('reviews', 'v1') },
        { match: [{ uri: { prefix: '/b' } }], ...aRoute('reviews.default.svc.cluster.local') },
        aRoute('REVIEWS'),
      ]),
      aResource('PeerAuthentication', 'default', { mtls: { mode: 'STRICT' } }, { namespace: 'istio-system' }),
    ),
    [],
  );
});

test('IST0101: destinations, mirrors and splits to unknown hosts and subsets', () => {
  const http = [
    { ...aRoute('reviews', 'v9'), mirror: { host: 'nowhere' } },
    { ...aRoute('api.example.com'), mirrors: [{ destination: { host: 'gone.example.org' } }] },
  ];
  const external = aResource('ServiceEntry', 'external', {
    hosts: ['*.example.com'],
    ports: [{ name: 'a', number: 1 }],
  });
  const split = aResource('TrafficSplit', 'split', {
    service: 'reviews',
    backends: [
      { service: 'reviews', weight: 1 },
      { service: 'reviews-v2', weight: 1 },
    ],
  });
  assert.deepEqual(
    found(aService('reviews'), external, split, aVirtualService('reviews', http)).filter((line) =>
      line.startsWith('IST0101'),
    ),
    [
      'IST0101 TrafficSplit/default/split spec.backends[1].service',
      'IST0101 VirtualService/default/reviews spec.http[0].mirror',
      'IST0101 VirtualService/default/reviews spec.http[0].route[0].destination',
      'IST0101 VirtualService/default/reviews spec.http[1].mirrors[0].destination',
    ],
  );
});

test('IST0101: a subset counts only where its rule can hold for the caller', () => {
  const rule = (namespace: string) =>
    aResource(
      'DestinationRule',
      'reviews',
      { host: 'reviews.default.svc.cluster.local', subsets: [{ name: 'v1' }] },
      { namespace },
    );
  const route = aVirtualService('reviews', [aRoute('reviews', 'v1')]);
  assert.deepEqual(found(aService('reviews'), route, rule('default')), []);
  assert.deepEqual(found(aService('reviews'), route, rule('istio-system')), []);
  assert.equal(found(aService('reviews'), route, rule('other')).length, 1);
});

test('IST0174: a rule for an unknown host', () => {
  assert.deepEqual(found(aRule({})), ['IST0174 DestinationRule/default/reviews spec.host']);
});

test('IST0109: of two VirtualServices for a host the older one wins, and is named', () => {
  const old = aVirtualService('b', [aRoute('reviews')], {}, { creationTimestamp: '2024-01-01T00:00:00Z' });
  const young = aVirtualService('a', [aRoute('reviews')], {}, { creationTimestamp: '2025-01-01T00:00:00Z' });
  const findings = analyze([aService('reviews'), young, old], defaultMeshConfig);
  assert.equal(findings.length, 1);
  assert.equal(findings[0]?.resource, 'VirtualService/default/a');
  assert.match(findings[0]?.message ?? '', /VirtualService\/default\/b/);
});

test('IST0109: no conflict between what no namespace sees together, or what is of gateways', () => {
  const full = 'reviews.default.svc.cluster.local';
  const other = aVirtualService('x', [aRoute(full)], { hosts: [full], exportTo: ['.'] }, { namespace: 'other' });
  const own = aVirtualService('y', [aRoute('reviews')], { exportTo: ['.'] });
  const ofGateway = aVirtualService('z', [aRoute('reviews')], { gateways: ['front'] });
  assert.deepEqual(found(aService('reviews'), other, own, ofGateway), []);
});

test('IST0130 and IST0131: rules and matches that nothing reaches', () => {
  const prefix = (path: string, more: object = {}) => ({ uri: { prefix: path }, ...more });
  const http = [
    { match: [prefix('/a')], ...aRoute('reviews') },
    { match: [prefix('/a', { name: 'again' })], ...aRoute('reviews') },
    { match: [prefix('/ab'), prefix('/ab', { method: { exact: 'GET' } })], ...aRoute('reviews') },
    aRoute('reviews'),
    { match: [prefix('/c')], ...aRoute('reviews') },
  ];
  assert.deepEqual(found(aService('reviews'), aVirtualService('reviews', http)), [
    'IST0130 VirtualService/default/reviews spec.http[1]',
    'IST0131 VirtualService/default/reviews spec.http[1].match[0]',
    'IST0131 VirtualService/default/reviews spec.http[2].match[0]',
    'IST0130 VirtualService/default/reviews spec.http[4]',
  ]);
});

test('IST0173 and TUL0201: subsets without workloads, ejection of nobody', () => {
  const rule = aRule({
    subsets: [
      { name: 'v1', labels: { version: 'v1' } },
      { name: 'v3', labels: { version: 'v3' } },
    ],
    trafficPolicy: { outlierDetection: {} },
  });
  assert.deepEqual(found(aService('reviews'), aWorkload('reviews', 'v1', 1), rule), [
    'IST0173 DestinationRule/default/reviews spec.subsets[1].labels',
    'TUL0201 DestinationRule/default/reviews spec.trafficPolicy.outlierDetection.maxEjectionPercent',
  ]);
  assert.deepEqual(found(aService('reviews'), rule), []);
});

test('TUL0202: PeerAuthentications without effect', () => {
  const policy = (name: string, namespace: string, app?: string) =>
    aResource(
      'PeerAuthentication',
      name,
      { mtls: { mode: 'STRICT' }, ...(app === undefined ? {} : { selector: { matchLabels: { app } } }) },
      { namespace },
    );
  assert.deepEqual(
    found(policy('a', 'istio-system', 'x'), policy('b', 'shop'), policy('c', 'shop'), policy('d', 'shop', 'x')),
    ['TUL0202 PeerAuthentication/istio-system/a spec.selector', 'TUL0202 PeerAuthentication/shop/c metadata.name'],
  );
});
