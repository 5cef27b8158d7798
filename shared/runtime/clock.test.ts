import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from './clock.ts';

/** Works until the system's own clock has gone on by so much. */
function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('the clock stands still while a callback runs, and goes on behind it', async () => {
  const before = systemClock.monotonic();
  const wallBefore = systemClock.now();
  spin(3);
  assert.equal(systemClock.monotonic(), before);
  assert.equal(systemClock.now(), wallBefore);
  await nextTurn();
  assert.ok(systemClock.monotonic() >= before + 3);
  assert.ok(systemClock.now() >= wallBefore + 2);
});

test('each callback of a loop turn has its own time', async () => {
  const times: number[] = [];
  const first = new Promise<void>((resolve) => {
    setImmediate(() => {
      times.push(systemClock.monotonic());
      spin(3);
      resolve();
    });
  });
  const second = new Promise<void>((resolve) => {
    setImmediate(() => {
      times.push(systemClock.monotonic());
      resolve();
    });
  });
  await Promise.all([first, second]);
  assert.ok((times[1] ?? 0) >= (times[0] ?? 0) + 3, times.join(' '));
});
