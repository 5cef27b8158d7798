import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { FakeCluster } from '#shared/kubernetes/testing/fake-cluster.ts';
import { FakeClock } from '#shared/runtime/clock.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { eventually } from '../../test/support/eventually.ts';
import { RootConfigMaps, rootWrites } from './root-config-maps.ts';

const aMap = (root: string) => ({
  metadata: { name: 'tulle-ca-root-cert' },
  data: { 'root-cert.pem': root, other: 'x' },
});
const pathIn = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps/tulle-ca-root-cert`;

test('what is missing is made, what differs is changed, and what goes away is left alone', () => {
  const namespaces = [
    ...['right', 'wrong', 'empty', 'none'].map((name) => ({ metadata: { name } })),
    { metadata: { name: 'gone', deletionTimestamp: '2026-01-01T00:00:00Z' } },
    { metadata: { name: 'going' }, status: { phase: 'Terminating' } },
  ];
  const configMaps = new Map<string, ClusterObject>([
    ['right/tulle-ca-root-cert', aMap('root')],
    ['wrong/tulle-ca-root-cert', aMap('old')],
    ['empty/tulle-ca-root-cert', { metadata: { name: 'tulle-ca-root-cert' } }],
  ]);
  assert.deepEqual(rootWrites(namespaces, configMaps, 'root'), [
    { kind: 'update', namespace: 'wrong' },
    { kind: 'update', namespace: 'empty' },
    { kind: 'create', namespace: 'none' },
  ]);
});

test('the leader alone writes, into every namespace and each new one, and again when one is changed', async () => {
  const [api, clock] = [new FakeCluster(), new FakeClock()];
  const isLeader = new WatchSource(false);
  let root = 'root';
  for (const name of ['a', 'b']) api.put(`/api/v1/namespaces/${name}`, { metadata: { name } });
  const controller = new RootConfigMaps({
    api,
    isLeader,
    rootsPem: () => root,
    namespaces: [],
    clock,
    random: () => 0,
    onFailure: assert.fail,
  });
  controller.start();
  const pass = async () => {
    clock.advance(50);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const has = (namespace: string, wanted: string) =>
    eventually(async () => {
      await pass();
      const data = api.peek(pathIn(namespace))?.['data'];
      assert.equal((data as Record<string, string> | undefined)?.['root-cert.pem'], wanted);
    });
  for (let n = 0; n < 20; n++) await pass();
  assert.deepEqual(api.calls, []);
  isLeader.set(true);
  await has('a', 'root');
  await has('b', 'root');
  api.put('/api/v1/namespaces/c', { metadata: { name: 'c' } });
  await has('c', 'root');
  api.put(pathIn('a'), aMap('mangled'));
  await has('a', 'root');
  assert.deepEqual(api.peek(pathIn('a'))?.['data'], { 'root-cert.pem': 'root', other: 'x' });
  root = 'next';
  controller.changed();
  for (const namespace of ['a', 'b', 'c']) await has(namespace, 'next');
  const { length } = api.calls;
  for (let n = 0; n < 20; n++) await pass();
  assert.equal(api.calls.length, length);
  await controller.close();
});

test('of some namespaces only these are asked for', async () => {
  const [api, clock] = [new FakeCluster(), new FakeClock()];
  api.put('/api/v1/namespaces/other', { metadata: { name: 'other' } });
  const controller = new RootConfigMaps({
    api,
    isLeader: new WatchSource(true),
    rootsPem: () => 'root',
    namespaces: ['a', 'b'],
    clock,
    random: () => 0,
    onFailure: assert.fail,
  });
  controller.start();
  await eventually(async () => {
    clock.advance(50);
    await new Promise((resolve) => setImmediate(resolve));
    return api.calls.length >= 2;
  });
  assert.deepEqual(api.calls, [`create ${pathIn('a')}`, `create ${pathIn('b')}`]);
  await controller.close();
});
