import assert from 'node:assert/strict';
import test from 'node:test';
import { instancesOf } from './instances.ts';
import { isSettled, type ProxyList } from './settled.ts';

const instances = instancesOf({ services: 1, traffic: true });
type Item = ProxyList['items'][number];
const listOf = (changes: Readonly<Record<string, Partial<Item>>> = {}): ProxyList => ({
  generation: 7,
  items: instances.map(({ name, serves }) => ({
    name,
    isHealthy: serves ? true : null,
    appliedGeneration: 7,
    ...changes[name],
  })),
});

test('a mesh is settled when all have the newest configuration, and all that serve are healthy', () => {
  assert.ok(isSettled(listOf(), instances));
});

test('it is not while a sidecar is behind, an application ill or unknown, or somebody missing', () => {
  assert.ok(!isSettled(listOf({ traffic: { appliedGeneration: 6 } }), instances));
  assert.ok(!isSettled(listOf({ 'payments-v1': { isHealthy: false } }), instances));
  assert.ok(!isSettled(listOf({ 'payments-v1': { isHealthy: null } }), instances));
  const { generation, items } = listOf();
  assert.ok(!isSettled({ generation, items: items.slice(1) }, instances));
});
