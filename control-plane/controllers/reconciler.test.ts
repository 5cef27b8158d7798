import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { Reconciler } from './reconciler.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

function aReconciler(work: () => Promise<void>) {
  const clock = new FakeClock();
  const failures: string[] = [];
  const reconciler = new Reconciler({
    name: 'roots',
    work,
    clock,
    random: () => 0.5,
    onFailure: (message) => failures.push(message),
    quietMs: 100,
  });
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settled();
  };
  return { reconciler, failures, pass };
}

test('many triggers are one run; one that comes during a run is another', async () => {
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  const { reconciler, pass } = aReconciler(async () => {
    runs++;
    await gate.promise;
  });
  for (let n = 0; n < 5; n++) reconciler.trigger();
  await pass(100);
  assert.equal(runs, 1);
  reconciler.trigger();
  await pass(100);
  assert.equal(runs, 1);
  gate.resolve();
  await settled();
  await pass(100);
  assert.equal(runs, 2);
  await pass(10_000);
  assert.equal(runs, 2);
  await reconciler.close();
});

test('what failed is told and done again, later and later, until it succeeds', async () => {
  const results = [new Error('a'), new Error('b'), null];
  let runs = 0;
  const { reconciler, failures, pass } = aReconciler(async () => {
    const result = results[runs++];
    if (result instanceof Error) throw result;
  });
  reconciler.trigger();
  await pass(100);
  assert.deepEqual([runs, failures], [1, ['roots: a']]);
  await pass(499);
  assert.equal(runs, 1);
  await pass(1);
  assert.equal(runs, 2);
  await pass(999);
  assert.equal(runs, 2);
  await pass(1);
  assert.deepEqual([runs, failures], [3, ['roots: a', 'roots: b']]);
  await pass(60_000);
  assert.equal(runs, 3);
  await reconciler.close();
});

test('after its end nothing is done any more', async () => {
  let runs = 0;
  const { reconciler, pass } = aReconciler(async () => void runs++);
  reconciler.trigger();
  await reconciler.close();
  reconciler.trigger();
  await pass(1000);
  assert.equal(runs, 0);
});
