import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultMeshConfig } from '#shared/model/mesh-config.ts';
import { parseResource } from '#shared/model/parse.ts';
import { resourceKey } from '#shared/model/resource.ts';
import { problem } from '#shared/runtime/result.ts';
import { emptyCatalog, type Catalog, type Change } from '../../catalog/catalog.ts';
import { reduceCatalog } from '../../catalog/reduce.ts';
import { factsOf, Findings } from './facts.ts';

function upsert(document: object, generation?: number): Change {
  const parsed = parseResource(document);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const origin = { source: 'kubernetes', file: '', line: 0, generation };
  assert.deepEqual(parsed.warnings, []);
  return { kind: 'upsert', key: resourceKey(parsed.value), resource: parsed.value, origin, warnings: [] };
}

const aVirtualService = (host: string) => ({
  apiVersion: 'networking.istio.io/v1beta1',
  kind: 'VirtualService',
  metadata: { name: 'a', namespace: 'shop' },
  spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host } }] }] },
});
const aSlice = (name: string) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': 'reviews' } },
  addressType: 'IPv4',
  endpoints: [],
  ports: [],
});
const aService = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'reviews', namespace: 'shop' },
  spec: { selector: { app: 'reviews' }, ports: [{ port: 80 }] },
};

test('facts are of the resources of the mesh whose version is known, with what does not fit', () => {
  const key = 'VirtualService/shop/a';
  const catalog = reduceCatalog(emptyCatalog, [upsert(aService), upsert(aVirtualService('gone'), 4)]);
  const report = { proxies: 2, applied: { [key]: [4, 1] as const }, refusals: [] };
  const facts = factsOf(catalog, new Findings(defaultMeshConfig).of(catalog), [report]);
  assert.deepEqual(
    facts.map(({ key, generation, doubts, distribution }) => [
      key,
      generation,
      doubts.map(({ code }) => code),
      distribution,
    ]),
    [[key, 4, ['IST0101'], { applied: 1, total: 2, refusals: [] }]],
  );
});

test('of a refused version the problems are told, and whether a former one is in force', () => {
  const key = 'VirtualService/shop/a';
  const origin = { source: 'kubernetes', file: '', line: 0, generation: 5 };
  const problems = [{ ...problem('spec', 'is wrong'), line: 0 }];
  const refused: Change = { kind: 'invalid', key, origin, problems };
  const factOf = (catalog: Catalog) => factsOf(catalog, new Map(), [])[0];
  const never = factOf(reduceCatalog(emptyCatalog, [refused]));
  assert.deepEqual([never?.generation, never?.problems, never?.hasFormer], [5, problems, false]);
  const before = reduceCatalog(emptyCatalog, [upsert(aVirtualService('reviews'), 4)]);
  assert.equal(factOf(reduceCatalog(before, [refused]))?.hasFormer, true);
});

test('findings are looked for again when something changed that they are made of', () => {
  const findings = new Findings(defaultMeshConfig);
  const first = reduceCatalog(emptyCatalog, [upsert(aVirtualService('reviews'), 1)]);
  const found = findings.of(first);
  assert.equal(findings.of(reduceCatalog(first, [upsert(aSlice('x'))])), found);
  const next = findings.of(reduceCatalog(first, [upsert(aService)]));
  assert.deepEqual([found.size, next.size], [1, 0]);
});
