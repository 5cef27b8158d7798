import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { parseSuccessorMessage } from './messages.ts';
import { Upgrade, type SuccessorHandler } from './upgrade.ts';

/** An upgrade whose successors do what the test says; `log` has what was done to them. */
function setUp(start: () => void = () => {}) {
  const log: string[] = [];
  const clock = new FakeClock();
  const handlers: SuccessorHandler[] = [];
  const upgrade = new Upgrade({
    clock,
    timeoutMs: 30_000,
    start: (handler) => {
      start();
      const pid = 100 + handlers.push(handler);
      return { pid, go: () => log.push(`go ${pid}`), kill: () => log.push(`kill ${pid}`) };
    },
    onServing: ({ pid }) => log.push(`serving ${pid}`),
    onFailed: () => log.push('in charge'),
  });
  const successor = (count = 1) => {
    const handler = handlers[count - 1];
    assert.ok(handler);
    return handler;
  };
  return { log, clock, upgrade, successor };
}

test('a successor that is ready is told to listen, and only when it serves this process lets go', async () => {
  const { log, clock, upgrade, successor } = setUp();
  const outcome = upgrade.run();
  successor().onMessage({ kind: 'waits', awaited: ['certificate'] });
  assert.deepEqual(log, []);
  successor().onMessage({ kind: 'ready' });
  assert.deepEqual(log, ['go 101']);
  successor().onMessage({ kind: 'serving' });
  assert.deepEqual(await outcome, { kind: 'serving', pid: 101 });
  clock.advance(60_000);
  successor().onEnd('exit code 0');
  assert.deepEqual(log, ['go 101', 'serving 101']);
  assert.deepEqual(await upgrade.run(), { kind: 'refused', reason: 'process 101 has taken over' });
});

test('one that says why it cannot serve is ended, and the next upgrade is tried', async () => {
  const { log, upgrade, successor } = setUp();
  const first = upgrade.run();
  successor().onMessage({ kind: 'failed', reason: 'no such file' });
  assert.deepEqual(await first, { kind: 'failed', reason: 'the successor cannot serve: no such file' });
  const second = upgrade.run();
  // What the first may still say is of no interest.
  successor().onMessage({ kind: 'serving' });
  successor().onEnd('SIGKILL');
  successor(2).onMessage({ kind: 'serving' });
  assert.deepEqual(await second, { kind: 'serving', pid: 102 });
  assert.deepEqual(log, ['kill 101', 'in charge', 'serving 102']);
});

test('one that is not in time is killed, also when it was told to listen already', async () => {
  const { log, clock, upgrade, successor } = setUp();
  const first = upgrade.run();
  successor().onMessage({ kind: 'waits', awaited: ['certificate', 'configuration'] });
  clock.advance(30_000);
  const reason = 'the successor did not serve within 30 s; it waits for certificate, configuration';
  assert.deepEqual(await first, { kind: 'failed', reason });
  const second = upgrade.run();
  successor(2).onMessage({ kind: 'ready' });
  clock.advance(30_000);
  assert.deepEqual(await second, { kind: 'failed', reason: 'the successor did not serve within 30 s' });
  assert.deepEqual(log, ['kill 101', 'in charge', 'go 102', 'kill 102', 'in charge']);
  assert.equal(clock.pending, 0);
});

test('one that ends, or cannot be started, leaves this process as it is', async () => {
  const { upgrade, successor } = setUp();
  const ended = upgrade.run();
  successor().onEnd('exit code 64');
  assert.deepEqual(await ended, { kind: 'failed', reason: 'the successor ended before it served: exit code 64' });
  const broken = setUp(() => {
    throw new Error('spawn EAGAIN');
  });
  assert.deepEqual(await broken.upgrade.run(), {
    kind: 'failed',
    reason: 'the successor cannot be started: spawn EAGAIN',
  });
});

test('a second one meanwhile is refused by the name of the first', async () => {
  const { log, upgrade, successor } = setUp();
  const first = upgrade.run();
  assert.deepEqual(await upgrade.run(), {
    kind: 'refused',
    reason: 'an upgrade is under way already: process 101 is starting',
  });
  successor().onMessage({ kind: 'serving' });
  assert.equal((await first).kind, 'serving');
  assert.deepEqual(log, ['serving 101']);
});

test('a process that stops takes its successor along, and starts no other', async () => {
  const { log, upgrade } = setUp();
  const first = upgrade.run();
  upgrade.stop('this process is stopping');
  assert.deepEqual(await first, { kind: 'failed', reason: 'this process is stopping' });
  assert.deepEqual(await upgrade.run(), { kind: 'refused', reason: 'this process is stopping' });
  assert.deepEqual(log, ['kill 101', 'in charge']);
});

test('messages that another version may send are left alone', () => {
  for (const message of [null, 'ready', {}, { kind: 'go' }, { kind: 'later' }])
    assert.equal(parseSuccessorMessage(message), null);
  assert.deepEqual(parseSuccessorMessage({ kind: 'ready', extra: 1 }), { kind: 'ready' });
  assert.deepEqual(parseSuccessorMessage({ kind: 'waits', awaited: 'x' }), { kind: 'waits', awaited: [] });
  assert.deepEqual(parseSuccessorMessage({ kind: 'failed', reason: 'r' }), { kind: 'failed', reason: 'r' });
});
