import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { flushAfterEvent, flushAtEndOfTurn, handleEvent } from './flush-queue.ts';

const aLog = () => {
  const log: string[] = [];
  const flushable = (name: string, then: () => void = () => undefined) => ({
    flush() {
      log.push(name);
      then();
    },
  });
  return { log, flushable };
};

test('what an event writes to is flushed when it was handled, and what is added by that as well', async () => {
  const { log, flushable } = aLog();
  handleEvent(() => {
    flushAfterEvent(flushable('first', () => flushAfterEvent(flushable('added'))));
    handleEvent(() => flushAfterEvent(flushable('within')));
    log.push('handled');
  });
  assert.deepEqual(log, ['handled', 'first', 'within', 'added']);
  await nextTurn();
  assert.equal(log.length, 4);
});

test('outside of events, and for what waits for others, it is the end of the turn', async () => {
  const { log, flushable } = aLog();
  flushAfterEvent(flushable('outside'));
  handleEvent(() => flushAtEndOfTurn(flushable('session', () => flushAfterEvent(flushable('its connection')))));
  assert.deepEqual(log, []);
  await nextTurn();
  assert.deepEqual(log, ['outside', 'session', 'its connection']);
});

test('an event that fails leaves its output to the end of the turn', async () => {
  const { log, flushable } = aLog();
  const fail = () => {
    flushAfterEvent(flushable('written'));
    throw new Error('failed');
  };
  assert.throws(() => handleEvent(fail), /failed/);
  await nextTurn();
  assert.deepEqual(log, ['written']);
});

test('when events come fast their output is gathered to the end of the turn', async () => {
  const { log, flushable } = aLog();
  for (let i = 0; i < 1000; i++) handleEvent(() => undefined);
  handleEvent(() => flushAfterEvent(flushable('gathered')));
  assert.deepEqual(log, []);
  await nextTurn();
  assert.deepEqual(log, ['gathered']);
});
