import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countEarlyDeaths, restartDelayMs } from './restart-delay.ts';

test('the first death is made good at once, a crash loop slower and slower, up to half a minute', () => {
  const delays = (chance: number) => [0, 1, 2, 3, 4, 8, 9, 1000].map((deaths) => restartDelayMs(deaths, () => chance));
  assert.deepEqual(delays(0), [0, 0, 250, 500, 1000, 15_000, 15_000, 15_000]);
  assert.deepEqual(delays(0.999), [0, 0, 499, 999, 1999, 29_985, 29_985, 29_985]);
});

test('deaths soon after the start count in a row', () => {
  assert.equal([5, 9_999, 100].reduce(countEarlyDeaths, 0), 3);
  assert.equal([5, 5, 10_000].reduce(countEarlyDeaths, 0), 0);
});
