import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRules } from './rbac.ts';

test('the rules name every kind once, by its group, to be read and no more', () => {
  const all = [...readRules.cluster, ...readRules.namespaced];
  assert.deepEqual(new Set(all.flatMap(({ verbs }) => verbs)), new Set(['list', 'watch']));
  assert.deepEqual(readRules.cluster, [
    { apiGroups: [''], resources: ['nodes', 'namespaces'], verbs: ['list', 'watch'] },
  ]);
  const inGroup = (group: string) =>
    readRules.namespaced.filter(({ apiGroups }) => apiGroups.includes(group)).flatMap(({ resources }) => resources);
  assert.deepEqual(inGroup(''), ['services', 'pods']);
  assert.deepEqual(inGroup('discovery.k8s.io'), ['endpointslices']);
  assert.ok(inGroup('networking.istio.io').includes('serviceentries'));
  const names = all.flatMap(({ resources }) => resources);
  assert.equal(new Set(names).size, names.length);
});
