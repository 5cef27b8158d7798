import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock } from '../runtime/clock.ts';
import { MeshError } from '../runtime/mesh-error.ts';
import { FollowedObjects } from './follow-objects.ts';
import { FakeCluster } from './testing/fake-cluster.ts';

const path = '/api/v1/secrets';
const aSecret = (namespace: string, name: string) => `/api/v1/namespaces/${namespace}/secrets/${name}`;

async function follow(api: FakeCluster) {
  const clock = new FakeClock();
  const failures: string[] = [];
  const followed = await FollowedObjects.start({
    api,
    path,
    selection: { fieldSelector: 'metadata.name=ca' },
    clock,
    random: () => 0,
    onFailure: (message) => failures.push(message),
  });
  return { followed, clock, failures, names: () => [...followed.objects.current().keys()] };
}

test('has what is listed, then what changes, of the selected objects alone', async () => {
  const api = new FakeCluster();
  api.put(aSecret('a', 'ca'), { metadata: { name: 'ca' } });
  api.put(aSecret('a', 'other'), { metadata: { name: 'other' } });
  const { followed, names } = await follow(api);
  assert.deepEqual(names(), ['a/ca']);
  await eventually(() => {
    api.put(aSecret('b', 'ca'), { metadata: { name: 'ca' } });
    return names().includes('b/ca');
  });
  await api.remove(aSecret('a', 'ca'));
  assert.deepEqual(names(), ['b/ca']);
  followed.close();
});

test('goes on after the end of a watch and after failures, which are told', async () => {
  const api = new FakeCluster();
  const { followed, clock, failures, names } = await follow(api);
  api.failure = new MeshError('unavailable', 'down', { facts: { status: 410 } });
  api.endWatches();
  await eventually(() => {
    clock.advance(1);
    return failures.length >= 2;
  });
  assert.equal(failures[0], 'down');
  api.failure = null;
  api.put(aSecret('a', 'ca'), { metadata: { name: 'ca' } });
  await eventually(() => {
    clock.advance(1);
    return names().length === 1;
  });
  followed.close();
  api.put(aSecret('b', 'ca'), { metadata: { name: 'ca' } });
  assert.deepEqual(names(), ['a/ca']);
});
