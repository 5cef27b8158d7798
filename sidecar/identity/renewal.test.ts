import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#shared/runtime/random.ts';
import { startRenewal, stepRenewal, type RenewalState } from './renewal.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const middle = () => 0.5;

const validFor = (lifeMs: number) => ({ notBefore: now - 2 * minuteMs, notAfter: now + lifeMs });
const issued = (lifeMs: number, random = middle) =>
  stepRenewal(startRenewal(now), { kind: 'issued', validity: validFor(lifeMs), now }, random);

test('the first certificate is asked for at once', () => {
  assert.deepEqual(startRenewal(now), { current: null, failures: 0, nextAttemptAt: now });
});

test('vector 19: 24 h are renewed after 12 h, give or take 14 minutes', () => {
  assert.equal(issued(24 * hourMs).nextAttemptAt, now + 12 * hourMs);
  const random = seededRandom(1);
  const offsets = Array.from({ length: 2000 }, () => {
    return (issued(24 * hourMs, random).nextAttemptAt - now - 12 * hourMs) / minuteMs;
  });
  assert.ok(Math.min(...offsets) >= -14.4 && Math.min(...offsets) < -14);
  assert.ok(Math.max(...offsets) <= 14.4 && Math.max(...offsets) > 14);
});

test('a kept certificate is renewed as any, but at once when a shorter life is asked for', () => {
  const kept = (wantedLifeMs: number) =>
    stepRenewal(startRenewal(now), { kind: 'kept', validity: validFor(24 * hourMs), now, wantedLifeMs }, middle);
  assert.equal(kept(0).nextAttemptAt, now + 12 * hourMs);
  assert.equal(kept(24 * hourMs).nextAttemptAt, now + 12 * hourMs);
  assert.deepEqual(kept(30_000), { current: validFor(24 * hourMs), failures: 0, nextAttemptAt: now });
});

test('an authority that hands out all but expired certificates is not asked in a loop', () => {
  assert.equal(issued(100).nextAttemptAt, now + 1000);
  assert.equal(issued(-hourMs).nextAttemptAt, now + 1000);
});

test('failures are tried again ever more slowly, with jitter, and a success starts anew', () => {
  const almostOne = () => 0.999999;
  let state: RenewalState = issued(24 * hourMs);
  const delays = Array.from({ length: 10 }, () => {
    state = stepRenewal(state, { kind: 'failed', now }, almostOne);
    return state.nextAttemptAt - now;
  });
  assert.deepEqual(delays, [499, 999, 1999, 3999, 7999, 15_999, 31_999, 59_999, 59_999, 59_999]);
  assert.equal(stepRenewal(state, { kind: 'failed', now }, () => 0).nextAttemptAt, now);
  let first = startRenewal(now);
  const soon = Array.from({ length: 6 }, () => {
    first = stepRenewal(first, { kind: 'failed', now }, almostOne);
    return first.nextAttemptAt - now;
  });
  // Without a certificate nothing works.
  assert.deepEqual(soon, [499, 999, 1999, 3999, 4999, 4999]);
  const renewed = stepRenewal(state, { kind: 'issued', validity: validFor(hourMs), now }, middle);
  assert.deepEqual(renewed, { current: validFor(hourMs), failures: 0, nextAttemptAt: now + hourMs / 2 });
});

test('a failure leaves the current certificate, only its end takes it away', () => {
  const failed = stepRenewal(issued(hourMs), { kind: 'failed', now: now + hourMs / 2 }, middle);
  assert.deepEqual(failed.current, validFor(hourMs));
  const expired = stepRenewal(failed, { kind: 'expired' }, middle);
  assert.deepEqual(expired, { ...failed, current: null });
});
