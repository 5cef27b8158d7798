import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { durationMs, formatDurationMs, parseDurationMs } from './duration.ts';

test('reads durations of Go and of protobuf', () => {
  const read = ['1.5s', '100ms', '1h2m', '0', '0s', '-1s', '.5s', '1us', '3.000001s', '24h'].map(parseDurationMs);
  assert.deepEqual(read, [1500, 100, 3_720_000, 0, 0, -1000, 500, 0.001, 3000.001, 86_400_000]);
});

test('takes nothing for a duration that is none', () => {
  for (const text of ['', '5', 's', '1 s', 'apple', '1d', '1s ', '1e3s', '--1s', `${'9'.repeat(80)}h`])
    assert.equal(parseDurationMs(text), null, text);
});

test('throws where a validated duration is none', () => {
  assert.equal(durationMs('2s'), 2000);
  assert.throws(() => durationMs('soon'), RangeError);
});

test('writes what it reads', () => {
  assert.deepEqual([1500, 100, 0, 60_000, 0.5].map(formatDurationMs), ['1.5s', '0.1s', '0s', '60s', '0.0005s']);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9e9 }), (ms) => assert.equal(parseDurationMs(formatDurationMs(ms)), ms)),
  );
});
