import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distributeLoad } from './priority-load.ts';

/** `[healthy, total]` or `[healthy, total, degraded]` of each priority. */
const load = (panicThreshold: number, ...priorities: [number, number, number?][]) =>
  distributeLoad(
    priorities.map(([healthy, total, degraded = 0]) => ({ healthy, total, degraded })),
    140,
    panicThreshold,
  );

test('all healthy: the first priority takes all', () => {
  assert.deepEqual(load(50, [4, 4], [4, 4]), { healthy: [100, 0], degraded: [0, 0], panic: [false, false] });
});

test('half of the first healthy is worth seventy percent, the rest goes on', () => {
  assert.deepEqual(load(50, [2, 4], [4, 4]).healthy, [70, 30]);
});

test('up to 28 percent may be missing unnoticed', () => {
  assert.deepEqual(load(50, [8, 10], [4, 4]).healthy, [100, 0]);
  assert.deepEqual(load(50, [7, 10], [4, 4]).healthy, [98, 2]);
});

test('nobody of the first healthy: the second takes all, without panic', () => {
  assert.deepEqual(load(50, [0, 4], [4, 4]), { healthy: [0, 100], degraded: [0, 0], panic: [false, false] });
});

test('less than 100 percent together is normalised, and those below the threshold panic', () => {
  // 28 + 28 percent are available.
  assert.deepEqual(load(50, [1, 5], [1, 5]), { healthy: [50, 50], degraded: [0, 0], panic: [true, true] });
  assert.deepEqual(load(20, [1, 5], [1, 5]).panic, [false, false]);
  assert.deepEqual(load(50, [3, 5], [0, 5]).panic, [false, true]);
});

test('nobody healthy: all hosts by their number, or nobody when panic is off', () => {
  assert.deepEqual(load(50, [0, 1], [0, 3]), { healthy: [25, 75], degraded: [0, 0], panic: [true, true] });
  assert.deepEqual(load(0, [0, 1], [0, 3]), { healthy: [100, 0], degraded: [0, 0], panic: [false, false] });
});

test('degraded hosts take what the healthy ones of all priorities cannot', () => {
  assert.deepEqual(load(50, [1, 4, 3], [0, 0]), { healthy: [35, 0], degraded: [65, 0], panic: [false, false] });
  assert.deepEqual(load(50, [4, 5, 1]).degraded, [0]);
});

test('no hosts at all: the first priority, which has none, answers', () => {
  assert.deepEqual(load(50, [0, 0]), { healthy: [100], degraded: [0], panic: [true] });
});
