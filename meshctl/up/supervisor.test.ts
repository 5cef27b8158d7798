import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import type { ProcessBlueprint } from './blueprint.ts';
import { Supervisor, type Notice } from './supervisor.ts';

const blueprint = (name: string, wave: number): ProcessBlueprint => ({
  name,
  wave,
  stopStage: 1 - wave,
  stopGraceMs: 500,
  args: [],
  env: {},
  readyUrl: null,
  output: 'log',
  identity: null,
});

/** A supervisor of two processes that are not there: the log says what was done to them, `exit` ends one. */
function arrange(options: { isReady?: (name: string) => boolean; launch?: () => Promise<void> } = {}) {
  const clock = new FakeClock();
  const log: string[] = [];
  const notices: Notice[] = [];
  const exits = new Map<string, (reason: string) => void>();
  const supervisor = new Supervisor({
    blueprints: [blueprint('base', 0), blueprint('top', 1)],
    restarts: true,
    clock,
    launch: async ({ name }, onExit) => {
      await options.launch?.();
      log.push(`start ${name}`);
      exits.set(name, onExit);
      return { signal: (signal) => log.push(`${signal} ${name}`) };
    },
    isReady: async ({ name }) => options.isReady?.(name) ?? true,
    notify: (notice) => notices.push(notice),
  });
  const exit = (name: string, reason = 'exit code 0') => exits.get(name)?.(reason);
  return { supervisor, clock, log, notices, exit };
}

/** Lets promises that are already kept take effect. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

test('starts what is next when a process says that it is ready', async () => {
  let isReady = false;
  const { supervisor, clock, log, notices } = arrange({ isReady: () => isReady });
  supervisor.start();
  await settle();
  clock.advance(1000);
  await settle();
  assert.deepEqual(log, ['start base']);
  isReady = true;
  clock.advance(100);
  await settle();
  assert.deepEqual(log, ['start base', 'start top']);
  assert.deepEqual(notices, [{ kind: 'all_ready' }]);
  assert.deepEqual(supervisor.counts(), { up: 2, all: 2 });
});

test('starts a process again two seconds after it died, not sooner', async () => {
  const { supervisor, clock, log, exit } = arrange();
  supervisor.start();
  await settle();
  exit('base', 'SIGKILL');
  clock.advance(1999);
  await settle();
  assert.deepEqual(log, ['start base', 'start top']);
  clock.advance(1);
  await settle();
  assert.deepEqual(log, ['start base', 'start top', 'start base']);
});

test('kills what does not stop in time, and then goes on to the next stage', async () => {
  const { supervisor, clock, log, notices, exit } = arrange();
  supervisor.start();
  await settle();
  supervisor.stop();
  assert.deepEqual(log.slice(2), ['SIGTERM top']);
  clock.advance(500);
  assert.deepEqual(log.slice(2), ['SIGTERM top', 'SIGKILL top']);
  exit('top', 'SIGKILL');
  assert.deepEqual(log.slice(4), ['SIGTERM base']);
  exit('base');
  clock.advance(10_000);
  assert.deepEqual(log.slice(5), []);
  assert.deepEqual(notices.at(-1), { kind: 'finished', gaveUpOn: null });
});

test('ends a process that was stopped while it was still being made ready', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { supervisor, log, notices, exit } = arrange({ launch: () => promise });
  supervisor.start();
  supervisor.stop();
  assert.deepEqual(log, []);
  resolve();
  await settle();
  assert.deepEqual(log, ['start base', 'SIGKILL base']);
  exit('base', 'SIGKILL');
  assert.deepEqual(notices, [{ kind: 'finished', gaveUpOn: null }]);
});

test('what cannot be launched counts as a process that died', async () => {
  const { supervisor, notices } = arrange({ launch: () => Promise.reject(new Error('no token')) });
  supervisor.start();
  await settle();
  assert.deepEqual(notices, [{ kind: 'died', name: 'base', reason: 'no token', willRestart: true }]);
});
