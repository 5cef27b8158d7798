import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventPace } from './event-pace.ts';

test('is busy while events come faster than said, and not before or after', () => {
  let nowMs = 0;
  const pace = new EventPace(() => nowMs, 8000);
  const seen = [1, 0.1, 0.124, 0.126, 50].map((everyMs) => {
    for (let i = 0; i < 640; i++) {
      nowMs += everyMs;
      pace.note();
    }
    return pace.isBusy;
  });
  assert.deepEqual(seen, [false, true, true, false, false]);
});
