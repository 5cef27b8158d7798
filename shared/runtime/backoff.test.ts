import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fullJitterMs } from './backoff.ts';
import { seededRandom } from './random.ts';

test('the n-th delay lies in [0, min(base * 2^(n-1), max))', () => {
  const almostOne = () => 0.999999;
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map((n) => fullJitterMs(n, 25, 250, almostOne)),
    [24, 49, 99, 199, 249, 249],
  );
  assert.deepEqual(
    [1, 5].map((n) => fullJitterMs(n, 25, 250, () => 0)),
    [0, 0],
  );
});

test('a base above the maximum counts as the maximum', () => {
  assert.equal(
    fullJitterMs(1, 1000, 100, () => 0.999999),
    99,
  );
});

test('draws are independent and cover the range', () => {
  const random = seededRandom(1);
  const delays = Array.from({ length: 1000 }, () => fullJitterMs(3, 25, 250, random));
  assert.ok(Math.min(...delays) < 5);
  assert.ok(Math.max(...delays) > 95);
  assert.ok(new Set(delays).size > 80);
});
