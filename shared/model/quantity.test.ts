import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseQuantity } from './quantity.ts';

test('reads quantities of Kubernetes', () => {
  const read = ['500m', '1', '1.5', '2k', '1Ki', '1e3', '.5', 3, '1E'].map(parseQuantity);
  assert.deepEqual(read, [0.5, 1, 1.5, 2000, 1024, 1000, 0.5, 3, 1e18]);
});

test('takes nothing for a quantity that is none', () => {
  for (const text of ['', 'm', '1 m', '1x', 'ten', '1e', '0x1', Number.NaN, '9e999'])
    assert.equal(parseQuantity(text), null, String(text));
});
