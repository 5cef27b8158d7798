import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyDelta, diffSnapshot } from './delta.ts';
import { emptySnapshot, type Snapshot } from './snapshot.ts';
import type { Endpoints } from './endpoints.ts';

const some = (clusterName: string): Endpoints => ({ clusterName, localities: [], overprovisioningFactor: 140 });
const withEndpoints = (...entries: (readonly [string, Endpoints])[]): Snapshot => ({
  ...emptySnapshot,
  endpoints: new Map(entries),
});

test('who has the snapshot before gets what is new, and keeps its own objects for the rest', () => {
  const [a, b] = [some('a'), some('b')];
  const before = withEndpoints(['gone', some('gone')], ['a', a], ['b', b]);
  const after = withEndpoints(['new', some('new')], ['b', some('b2')], ['a', a]);
  const theirs = structuredClone(before);
  const delta = structuredClone(diffSnapshot(before, after));
  const result = applyDelta(theirs, delta);
  assert.deepEqual([...result.endpoints], [...after.endpoints]);
  assert.deepEqual([...delta.endpoints.changed.keys()], ['new', 'b']);
  assert.equal(result.endpoints.get('a'), theirs.endpoints.get('a'));
});

test('who has nothing gets all', () => {
  const after = withEndpoints(['a', some('a')]);
  assert.deepEqual(applyDelta(emptySnapshot, structuredClone(diffSnapshot(null, after))), after);
});
