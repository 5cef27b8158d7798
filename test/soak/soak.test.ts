/** The short form of `npm run soak`: long enough for one new certificate of each sidecar and a few edits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soak } from './soak.ts';
import { problemsOf, tableOf } from './verdict.ts';

test('a mesh at work loses no call to renewed certificates, edits and recycled connections', async (context) => {
  const options = { seconds: 24, rotationSeconds: 15, pushSeconds: 3, tell: () => undefined, signal: context.signal };
  const result = await soak(options);
  context.diagnostic(`\n${tableOf(result)}`);
  assert.deepEqual(problemsOf(result, options), []);
});
