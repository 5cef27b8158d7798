import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNewer, KnownObjects } from './known-objects.ts';

test('what is older than what is known is no news, in a watch', () => {
  const known = new KnownObjects();
  assert.deepEqual(
    [known.take('a', '9'), known.take('a', '10'), known.take('a', '9'), known.take('a', '10')],
    [true, true, false, false],
  );
});

test('a list tells what is news and what is gone, and is believed even when versions went back', () => {
  const known = new KnownObjects();
  for (const key of ['a', 'b', 'c']) known.take(key, '10');
  known.beginList();
  assert.deepEqual(
    [known.takeListed('a', '10'), known.takeListed('b', '7'), known.takeListed('d', '1')],
    [false, true, true],
  );
  assert.deepEqual(known.endList(), ['c']);
  assert.equal(known.take('b', '8'), true);
  assert.equal(known.size, 3);
});

test('a list that was begun anew counts from its beginning', () => {
  const known = new KnownObjects();
  known.take('a', '1');
  known.beginList();
  known.takeListed('a', '1');
  known.beginList();
  assert.deepEqual(known.endList(), ['a']);
});

test('versions compare as numbers of any length, and as texts when they are none', () => {
  assert.deepEqual([isNewer('10', '9'), isNewer('9', '10'), isNewer('9', '9')], [true, false, false]);
  assert.equal(isNewer('90071992547409931', '90071992547409930'), true);
  assert.deepEqual([isNewer('a', 'b'), isNewer('a', 'a')], [true, false]);
});
