import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import type { Change } from './catalog.ts';
import { CatalogPublisher } from './publisher.ts';

const aChange = (name: string): Change => ({
  kind: 'upsert',
  key: `Service/shop/${name}`,
  resource: {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name, namespace: 'shop', labels: {}, annotations: {} },
    spec: { ports: [{ port: 80, protocol: 'TCP' }] },
  },
  origin: { source: 'file', file: 'x.yaml', line: 1 },
  warnings: [],
});

test('changes are gathered until it is quiet and published as one generation', () => {
  const clock = new FakeClock();
  const publisher = new CatalogPublisher(clock, { quietMs: 50, maxMs: 1000 });
  const seen: number[] = [];
  publisher.catalog.subscribe((catalog) => seen.push(catalog.entries.size));
  publisher.tell([aChange('a')]);
  clock.advance(40);
  publisher.tell([aChange('b')]);
  clock.advance(49);
  assert.deepEqual(seen, []);
  clock.advance(1);
  assert.deepEqual(seen, [2]);
  assert.equal(publisher.catalog.current().generation, 1);
});

test('a storm is published at the maximum at the latest', () => {
  const clock = new FakeClock();
  const publisher = new CatalogPublisher(clock, { quietMs: 50, maxMs: 200 });
  const seen: number[] = [];
  publisher.catalog.subscribe((catalog) => seen.push(catalog.entries.size));
  for (let i = 0; i < 10; i++) {
    publisher.tell([aChange(`s${i}`)]);
    clock.advance(30);
  }
  assert.deepEqual(seen, [7]);
  publisher.close();
  assert.equal(clock.pending, 0);
});
