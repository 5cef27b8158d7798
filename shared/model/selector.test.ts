import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesLabels } from './selector.ts';

test('wants every label, and takes everything when nothing is wanted', () => {
  assert.equal(matchesLabels({ app: 'a', version: 'v1' }, { app: 'a', version: 'v1', zone: 'z' }), true);
  assert.equal(matchesLabels({ app: 'a', version: 'v1' }, { app: 'a' }), false);
  assert.equal(matchesLabels({}, {}), true);
  assert.equal(matchesLabels(undefined, { app: 'a' }), true);
});
