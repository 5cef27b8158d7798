import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Resource } from '#shared/model/resource.ts';
import { emptyCatalog, resourcesOf, type Change } from './catalog.ts';
import { reduceCatalog } from './reduce.ts';

const aService = (name: string, port = 80): Resource => ({
  kind: 'Service',
  apiVersion: 'v1',
  metadata: { name, namespace: 'shop', labels: {}, annotations: {} },
  spec: { ports: [{ port, protocol: 'TCP' }] },
});
const origin = (line = 1) => ({ source: 'file', file: 'mesh.yaml', line });
const upsert = (name: string, port = 80, line = 1): Change => ({
  kind: 'upsert',
  key: `Service/shop/${name}`,
  resource: aService(name, port),
  origin: origin(line),
  warnings: [],
});
const bad = { path: 'spec.ports', message: 'must be a list', severity: 'error' as const, line: 7 };

test('the same content again is the same catalog, with the same objects', () => {
  const first = reduceCatalog(emptyCatalog, [upsert('a')]);
  assert.equal(first.generation, 1);
  assert.equal(reduceCatalog(first, [upsert('a')]), first);
});

test('content that only moved to another line keeps its object and its generation', () => {
  const first = reduceCatalog(emptyCatalog, [upsert('a')]);
  const moved = reduceCatalog(first, [upsert('a', 80, 9)]);
  assert.equal(moved.generation, 1);
  assert.equal(moved.entries.get('Service/shop/a')?.resource, first.entries.get('Service/shop/a')?.resource);
  assert.equal(moved.entries.get('Service/shop/a')?.origin.line, 9);
});

test('a bad document keeps the last good version and shows why and where', () => {
  const good = reduceCatalog(emptyCatalog, [upsert('a'), upsert('b')]);
  const after = reduceCatalog(good, [
    { kind: 'invalid', key: 'Service/shop/a', origin: origin(5), problems: [bad] },
    upsert('b', 81),
  ]);
  assert.deepEqual(after.entries.get('Service/shop/a')?.problems, [bad]);
  assert.deepEqual(after.entries.get('Service/shop/a')?.resource, aService('a'));
  assert.equal(after.entries.get('Service/shop/b')?.generation, 2);
  const mended = reduceCatalog(after, [upsert('a')]);
  assert.deepEqual(mended.entries.get('Service/shop/a')?.problems, []);
  assert.equal(mended.generation, after.generation);
});

test('a document that was never good has an entry without a resource', () => {
  const catalog = reduceCatalog(emptyCatalog, [
    { kind: 'invalid', key: 'Service/shop/x', origin: origin(), problems: [bad] },
  ]);
  assert.equal(catalog.generation, 0);
  assert.deepEqual(resourcesOf(catalog), []);
  assert.equal(catalog.entries.get('Service/shop/x')?.resource, null);
});

test('only the source that holds a resource removes it', () => {
  const catalog = reduceCatalog(emptyCatalog, [upsert('a')]);
  const other = { ...origin(), source: 'registry' };
  assert.equal(reduceCatalog(catalog, [{ kind: 'remove', key: 'Service/shop/a', origin: other }]), catalog);
  assert.equal(reduceCatalog(catalog, [{ kind: 'remove', key: 'Service/shop/a', origin: origin() }]).entries.size, 0);
});

test('problems of a file are shown and cleared without a new generation', () => {
  const shown = reduceCatalog(emptyCatalog, [{ kind: 'fileProblems', file: 'x.yaml', problems: [bad] }]);
  assert.deepEqual(shown.fileProblems.get('x.yaml'), [bad]);
  const cleared = reduceCatalog(shown, [{ kind: 'fileProblems', file: 'x.yaml', problems: [] }]);
  assert.deepEqual([cleared.fileProblems.size, cleared.generation], [0, 0]);
});
