import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  defaultLeaderTiming,
  initialLeader,
  releasedLease,
  stepLeader,
  type LeaderEvent,
  type LeaderState,
  type LeaseRecord,
} from './leader.ts';

const wallMs = 1_700_000_000_000;
const aLease = (more: Partial<LeaseRecord> = {}): LeaseRecord => ({
  holder: 'b',
  durationMs: 15_000,
  acquiredAtMs: 1,
  renewedAtMs: 1,
  transitions: 3,
  resourceVersion: '7',
  ...more,
});

/** Plays events; the state and the kinds of all effects, in order. */
function play(events: readonly LeaderEvent[], from: LeaderState = initialLeader('a', defaultLeaderTiming)) {
  let state = from;
  const effects: string[] = [];
  for (const event of events) {
    const [next, made] = stepLeader(state, event, wallMs);
    state = next;
    effects.push(...made.map(({ kind }) => kind));
  }
  return { state, effects };
}

const written = (startedMs: number, resourceVersion = '8'): LeaderEvent => ({
  kind: 'written',
  lease: aLease({ holder: 'a', resourceVersion }),
  startedMs,
});

test('a lease that nobody made is created, and whoever created it leads', () => {
  const [, effects] = stepLeader(
    initialLeader('a', defaultLeaderTiming),
    { kind: 'read', lease: null, atMs: 5 },
    wallMs,
  );
  const lease = aLease({ holder: 'a', acquiredAtMs: wallMs, renewedAtMs: wallMs, transitions: 0, resourceVersion: '' });
  assert.deepEqual(effects, [{ kind: 'write', lease }]);
  const { state, effects: kinds } = play([
    { kind: 'due', atMs: 0 },
    { kind: 'read', lease: null, atMs: 5 },
    written(5),
  ]);
  assert.deepEqual(kinds, ['read', 'write', 'lead', 'retry']);
  assert.equal(state.leadsUntilMs, 10_005);
});

test('the lease of another is taken when it was unchanged for its whole length by our own clock', () => {
  const read = (atMs: number, lease = aLease()): LeaderEvent => ({ kind: 'read', lease, atMs });
  assert.deepEqual(play([read(0), read(14_999)]).effects, ['retry', 'retry']);
  assert.deepEqual(play([read(0), read(10_000, aLease({ resourceVersion: '9' })), read(15_000)]).effects, [
    'retry',
    'retry',
    'retry',
  ]);
  const [, effects] = stepLeader(play([read(0)]).state, read(15_000), wallMs);
  assert.deepEqual(effects, [
    { kind: 'write', lease: aLease({ holder: 'a', acquiredAtMs: wallMs, renewedAtMs: wallMs, transitions: 4 }) },
  ]);
});

test('a lease that was given back is taken at once', () => {
  assert.deepEqual(play([{ kind: 'read', lease: aLease({ holder: '' }), atMs: 0 }]).effects, ['write']);
});

test('a renewal keeps the time of acquisition and the count of transitions', () => {
  const lease = aLease({ holder: 'a', acquiredAtMs: 77 });
  const [, effects] = stepLeader(play([written(0)]).state, { kind: 'read', lease, atMs: 1 }, wallMs);
  assert.deepEqual(effects, [{ kind: 'write', lease: { ...lease, renewedAtMs: wallMs } }]);
});

test('a leader that cannot renew stops before its lease ends', () => {
  const lost = play([written(0), { kind: 'failed', atMs: 9999 }, { kind: 'failed', atMs: 10_000 }]);
  assert.deepEqual(lost.effects, ['lead', 'retry', 'retry', 'stop', 'retry']);
  assert.equal(lost.state.leadsUntilMs, null);
  assert.deepEqual(play([written(0), { kind: 'due', atMs: 10_000 }]).effects, ['lead', 'retry', 'stop', 'read']);
});

test('the time that a renewal takes counts against the leader', () => {
  assert.equal(play([written(0), written(3000, '9')]).state.leadsUntilMs, 13_000);
});

test('a leader that reads the name of another stops at once', () => {
  const { effects } = play([written(0), { kind: 'read', lease: aLease({ resourceVersion: '9' }), atMs: 1 }]);
  assert.deepEqual(effects, ['lead', 'retry', 'stop', 'retry']);
});

test('a write that another was faster with is no leadership', () => {
  const { state, effects } = play([
    { kind: 'read', lease: null, atMs: 0 },
    { kind: 'rejected', atMs: 1 },
  ]);
  assert.deepEqual([effects, state.leadsUntilMs], [['write', 'retry'], null]);
});

test('only the holder gives a lease back', () => {
  assert.equal(releasedLease(initialLeader('a', defaultLeaderTiming), wallMs), null);
  assert.equal(releasedLease(play([{ kind: 'read', lease: aLease(), atMs: 0 }]).state, wallMs), null);
  assert.deepEqual(
    releasedLease(play([written(0)]).state, wallMs),
    aLease({ holder: '', durationMs: 1000, renewedAtMs: wallMs, resourceVersion: '8' }),
  );
});
