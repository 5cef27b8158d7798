import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { Readiness } from '#shared/runtime/readiness.ts';
import { eventually } from '../test/support/eventually.ts';
import { awaitPodFiles } from './pod-files.ts';

function waiting(...present: readonly string[]) {
  const clock = new FakeClock();
  const readiness = new Readiness();
  const there = new Set(present);
  const told: string[] = [];
  const abort = new AbortController();
  const take = (facts: object, message: string) => void told.push(`${message} ${JSON.stringify(facts)}`);
  let isDone = false;
  const files = [
    { what: 'root', path: '/root' },
    { what: 'token', path: '/token' },
  ];
  void awaitPodFiles(files, {
    clock,
    readiness,
    log: { info: take, warn: take },
    signal: abort.signal,
    isThere: (path) => Promise.resolve(there.has(path)),
  }).then(() => (isDone = true));
  return { clock, readiness, there, told, abort, isDone: () => isDone };
}

test('files that come late are waited for by name, told once, and told again when they are there', async () => {
  const { clock, readiness, there, told, isDone } = waiting('/root');
  await eventually(() => clock.pending === 1);
  assert.deepEqual(readiness.awaited(), ['token']);
  for (let passed = 0; passed < 20_000; passed += 1000) {
    clock.advance(1000);
    await eventually(() => clock.pending === 1);
  }
  assert.deepEqual(told, ['waits for the token {"path":"/token","waitedMs":0}']);
  there.add('/token');
  clock.advance(1000);
  await eventually(isDone);
  assert.equal(readiness.isReady, true);
  assert.deepEqual(told.slice(1), ['the token is there {"path":"/token","waitedMs":21000}']);
});

test('it is told again after a while, and nothing is left of a wait that is given up', async () => {
  const { clock, told, abort } = waiting();
  for (let passed = 0; passed < 40_000; passed += 1000) {
    await eventually(() => clock.pending === 2);
    clock.advance(1000);
  }
  await eventually(() => clock.pending === 2);
  assert.equal(told.filter((line) => line.startsWith('waits for the token')).length, 2);
  abort.abort();
  assert.equal(clock.pending, 0);
});
