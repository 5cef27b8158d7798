import assert from 'node:assert/strict';
import test from 'node:test';
import {
  countUp,
  planSupervision,
  stepSupervision,
  type ProcessPlan,
  type SupervisionEffect,
  type SupervisionEvent,
  type SupervisionState,
} from './supervision.ts';

const plans: readonly ProcessPlan[] = [
  { name: 'control-plane', wave: 0, stopStage: 3, stopGraceMs: 700 },
  { name: 'orders', wave: 1, stopStage: 1, stopGraceMs: 1000 },
  { name: 'orders-sidecar', wave: 1, stopStage: 2, stopGraceMs: 1800 },
  { name: 'traffic', wave: 2, stopStage: 0, stopGraceMs: 700 },
];

function play(state: SupervisionState, ...events: SupervisionEvent[]): [SupervisionState, SupervisionEffect[]] {
  let effects: SupervisionEffect[] = [];
  let now = state;
  for (const event of events) [now, effects] = stepSupervision(now, event);
  return [now, effects];
}

const ready = (name: string): SupervisionEvent => ({ kind: 'ready', name });
const exited = (name: string, reason = 'exit code 1'): SupervisionEvent => ({ kind: 'exited', name, reason });
const running = (restarts = true) =>
  play(planSupervision(plans, restarts), { kind: 'start' }, ...plans.map(({ name }) => ready(name)))[0];

test('starts a wave when all before it is ready', () => {
  const [first, effects] = play(planSupervision(plans, true), { kind: 'start' });
  assert.deepEqual(effects, [{ kind: 'spawn', name: 'control-plane' }]);
  const [second, next] = play(first, ready('control-plane'));
  assert.deepEqual(next, [
    { kind: 'spawn', name: 'orders' },
    { kind: 'spawn', name: 'orders-sidecar' },
  ]);
  const [third, none] = play(second, ready('orders'));
  assert.deepEqual(none, []);
  assert.deepEqual(play(third, ready('orders-sidecar'))[1], [{ kind: 'spawn', name: 'traffic' }]);
});

test('tells once that all is ready', () => {
  const [state, effects] = play(
    planSupervision(plans, true),
    { kind: 'start' },
    ...plans.map(({ name }) => ready(name)),
  );
  assert.deepEqual(effects, [{ kind: 'all_ready' }]);
  assert.equal(state.phase, 'running');
  assert.deepEqual(countUp(state), { up: 4, all: 4 });
});

test('starts a process that died again after two seconds', () => {
  const [state, effects] = play(running(), exited('orders', 'SIGKILL'));
  assert.deepEqual(effects, [
    { kind: 'died', name: 'orders', reason: 'SIGKILL', willRestart: true },
    { kind: 'restart_after', name: 'orders', delayMs: 2000 },
  ]);
  assert.deepEqual(play(state, { kind: 'restart_due', name: 'orders' })[1], [{ kind: 'spawn', name: 'orders' }]);
  assert.deepEqual(countUp(state), { up: 3, all: 4 });
});

test('a process that comes back does not start the waves again', () => {
  const [, effects] = play(running(), exited('orders'), { kind: 'restart_due', name: 'orders' }, ready('orders'));
  assert.deepEqual(effects, []);
});

test('without restarts a process that died stays dead, and the others go on', () => {
  const [state, effects] = play(running(false), exited('orders'));
  assert.deepEqual(effects, [{ kind: 'died', name: 'orders', reason: 'exit code 1', willRestart: false }]);
  assert.deepEqual(play(state, { kind: 'restart_due', name: 'orders' })[1], []);
  assert.equal(state.phase, 'running');
});

test('stops stage by stage, each when the one before it is gone', () => {
  const [state, effects] = play(running(), { kind: 'stop' });
  assert.deepEqual(effects, [
    { kind: 'terminate', name: 'traffic' },
    { kind: 'stop_after', stage: 0, delayMs: 700 },
  ]);
  const order: string[] = [];
  let now = state;
  for (const name of ['traffic', 'orders', 'orders-sidecar']) {
    const [next, done] = play(now, exited(name, 'SIGTERM'));
    now = next;
    order.push(...done.flatMap((effect) => (effect.kind === 'terminate' ? [effect.name] : [])));
  }
  assert.deepEqual(order, ['orders', 'orders-sidecar', 'control-plane']);
  assert.deepEqual(play(now, exited('control-plane'))[1], [{ kind: 'finished', gaveUpOn: null }]);
});

test('kills what outlives its grace, and nothing of another stage', () => {
  const [state] = play(running(), { kind: 'stop' });
  assert.deepEqual(play(state, { kind: 'stop_overdue', stage: 0 })[1], [{ kind: 'kill', name: 'traffic' }]);
  assert.deepEqual(play(state, { kind: 'stop_overdue', stage: 1 })[1], []);
  assert.deepEqual(play(state, exited('traffic'), { kind: 'stop_overdue', stage: 0 })[1], []);
});

test('stopping starts nothing again, neither what waits nor what dies meanwhile', () => {
  const [state] = play(running(), exited('orders'), { kind: 'stop' });
  assert.deepEqual(play(state, { kind: 'restart_due', name: 'orders' })[1], []);
  const [, effects] = play(state, exited('control-plane'));
  assert.deepEqual(
    effects.filter(({ kind }) => kind === 'restart_after' || kind === 'spawn'),
    [],
  );
});

test('a second stop changes nothing', () => {
  const [state] = play(running(), { kind: 'stop' });
  assert.deepEqual(play(state, { kind: 'stop' }), [state, []]);
});

test('stopping while it starts ends only what runs', () => {
  const [, effects] = play(planSupervision(plans, true), { kind: 'start' }, { kind: 'stop' });
  assert.deepEqual(effects, [
    { kind: 'terminate', name: 'control-plane' },
    { kind: 'stop_after', stage: 3, delayMs: 700 },
  ]);
});

test('gives up on a process that cannot be started, and stops the rest', () => {
  let [state] = play(planSupervision(plans, true), { kind: 'start' }, ready('control-plane'));
  let effects: SupervisionEffect[] = [];
  for (let round = 0; round < 3; round++) {
    [state, effects] = play(state, exited('orders'));
    if (round < 2) [state] = play(state, { kind: 'restart_due', name: 'orders' });
  }
  assert.deepEqual(effects, [
    { kind: 'died', name: 'orders', reason: 'exit code 1', willRestart: false },
    { kind: 'terminate', name: 'orders-sidecar' },
    { kind: 'stop_after', stage: 2, delayMs: 1800 },
  ]);
  assert.deepEqual(play(state, exited('orders-sidecar'), exited('control-plane'))[1], [
    { kind: 'finished', gaveUpOn: 'orders' },
  ]);
});

test('without restarts a mesh that cannot come up is given up at once', () => {
  const [state, effects] = play(planSupervision(plans, false), { kind: 'start' }, exited('control-plane'));
  assert.equal(state.phase, 'stopped');
  assert.deepEqual(effects.at(-1), { kind: 'finished', gaveUpOn: 'control-plane' });
});
