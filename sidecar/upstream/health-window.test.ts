import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { HealthWindow } from './health-window.ts';

function setUp(windowMs: number) {
  const clock = new FakeClock();
  const start = clock.monotonic();
  const applied: number[] = [];
  const apply = () => applied.push(clock.monotonic() - start);
  return { clock, applied, window: new HealthWindow({ clock, windowMs: () => windowMs, apply }) };
}

test('without a window every change takes effect at once', () => {
  const { clock, applied, window } = setUp(0);
  window.healthChanged();
  window.healthChanged();
  assert.deepEqual([applied, clock.pending], [[0, 0], 0]);
});

test('the first change takes effect at once, those after it together, a window after the first of them', () => {
  const { clock, applied, window } = setUp(1000);
  window.healthChanged();
  clock.advance(300);
  window.healthChanged();
  clock.advance(600);
  window.healthChanged();
  assert.deepEqual(applied, [0]);
  clock.advance(400);
  assert.deepEqual(applied, [0, 1300]);
  clock.advance(1001);
  window.healthChanged();
  assert.deepEqual(applied, [0, 1300, 2301]);
});

test('hosts that come or go take what was gathered along, and open a window', () => {
  const { clock, applied, window } = setUp(1000);
  window.healthChanged();
  window.healthChanged();
  clock.advance(500);
  window.membersChanged();
  assert.equal(clock.pending, 0);
  clock.advance(900);
  window.healthChanged();
  assert.deepEqual(applied, [0]);
  window.close();
  assert.equal(clock.pending, 0);
});
