import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeightedChoice } from './weighted.ts';

test('items are picked by their share of the sum, which need not be 100', () => {
  const choice = new WeightedChoice([
    { item: 'a', weight: 1 },
    { item: 'none', weight: 0 },
    { item: 'b', weight: 2 },
    { item: 'c', weight: 1 },
  ]);
  const draws = [0, 0.249, 0.25, 0.749, 0.75, 0.999];
  assert.deepEqual(
    draws.map((draw) => choice.pick(() => draw)),
    ['a', 'a', 'b', 'b', 'c', 'c'],
  );
});

test('nothing is drawn for one item, and none is picked of none', () => {
  const never = () => assert.fail('nothing is to be drawn');
  assert.equal(new WeightedChoice([{ item: 'a', weight: 3 }]).pick(never), 'a');
  assert.equal(new WeightedChoice([{ item: 'a', weight: 0 }]).pick(never), null);
});
