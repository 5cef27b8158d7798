import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFlat, maxGrowthMb, trendOf } from './trend.ts';

const samples = (of: (second: number) => number, seconds = 600) =>
  Array.from({ length: seconds }, (_, second) => ({ seconds: second, megabytes: of(second) }));

describe('the trend of memory', () => {
  it('is flat when a process warms up and then stays, whatever its collector does', () => {
    const trend = trendOf(samples((second) => 80 + Math.min(20, second) + 8 * ((second * 7) % 2)));
    assert.equal(isFlat(trend, 600), true);
    assert.equal(trend.startMb, 80);
    assert.ok(Math.abs(trend.slopeMbPerMinute) < 0.1);
  });

  it('shows a leak of a few megabytes a minute', () => {
    const trend = trendOf(samples((second) => 80 + second * 0.05));
    assert.equal(isFlat(trend, 600), false);
    assert.ok(Math.abs(trend.slopeMbPerMinute - 3) < 1e-6);
  });

  it('is not judged so strictly before a process is warm', () => {
    const trend = trendOf(samples((second) => 80 + second * 2, 30));
    assert.ok(trend.endMb - trend.warmMb > maxGrowthMb.whenWarm);
    assert.equal(isFlat(trend, 30), true);
    assert.equal(isFlat(trend, 600), false);
  });

  it('needs some samples', () => {
    assert.throws(() => trendOf(samples(() => 1, 7)), RangeError);
  });
});
