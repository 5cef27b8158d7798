import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Readiness } from '#shared/runtime/readiness.ts';
import type { SuccessorMessage } from './messages.ts';
import { Predecessor } from './predecessor.ts';

function setUp() {
  const sent: SuccessorMessage[] = [];
  let receive: (message: unknown) => void = () => {};
  let disconnect: () => void = () => {};
  const predecessor = new Predecessor({
    send: (message) => sent.push(message),
    onMessage: (take) => (receive = take),
    onDisconnect: (take) => (disconnect = take),
  });
  return { sent, predecessor, receive: (message: unknown) => receive(message), disconnect: () => disconnect() };
}

test('says what is awaited, then that it is ready, and waits for the word', async () => {
  const { sent, predecessor, receive } = setUp();
  const readiness = new Readiness();
  const [certified, configured] = [readiness.gate('certificate'), readiness.gate('configuration')];
  let mayListen = false;
  const waiting = predecessor.mayListen(readiness).then(() => (mayListen = true));
  certified();
  configured();
  assert.deepEqual(sent, [
    { kind: 'waits', awaited: ['certificate', 'configuration'] },
    { kind: 'waits', awaited: ['configuration'] },
    { kind: 'ready' },
  ]);
  receive({ kind: 'something else' });
  await new Promise(setImmediate);
  assert.equal(mayListen, false);
  receive({ kind: 'go' });
  await waiting;
  readiness.close('draining');
  assert.equal(sent.length, 3);
});

test('does not begin to listen when the predecessor has gone', async () => {
  const { predecessor, disconnect } = setUp();
  const waiting = predecessor.mayListen(new Readiness());
  disconnect();
  await assert.rejects(waiting, /the predecessor has gone before it let go/);
});

test('serves alone once the predecessor has let go', async () => {
  const { sent, predecessor, disconnect } = setUp();
  let isAlone = false;
  const serving = predecessor.serving().then(() => (isAlone = true));
  await new Promise(setImmediate);
  assert.deepEqual([sent, isAlone], [[{ kind: 'serving' }], false]);
  disconnect();
  await serving;
  predecessor.failed('too late');
  assert.equal(sent.length, 1);
});
