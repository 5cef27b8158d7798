import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bench } from './bench.ts';
import type { Sample } from './figures.ts';
import { plainShape } from './peers/pair.ts';
import { targetsOn } from './peers/peers.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { runScenario, type RunOptions } from './session.ts';

const aScenario = (measure: Scenario['measure'], more: Partial<Scenario> = {}): Scenario => ({
  name: 's',
  about: '',
  targets: targetsOn('http1', ['direct', 'tulle', 'against']),
  shape: plainShape,
  backend: 'grpcStreams',
  tool: null,
  columns: ['cpuUs'],
  plots: [],
  goals: [],
  measure,
  ...more,
});
const someOptions = (signal: AbortSignal): RunOptions => ({
  // Scenarios here measure without it; only its signal is looked at.
  bench: { signal } as Bench,
  times: { seconds: 1, warmUpSeconds: 1 },
  runs: 2,
  maxForeignCores: 0.25,
  against: null,
  wants: () => true,
  tell: () => undefined,
});
const aSample = (cpuUs: number): Sample => ({ figures: { cpuUs }, errors: '', foreignCores: 0 });

test('targets take turns, and another checkout is left out when none is named', async () => {
  const order: string[] = [];
  const scenario = aScenario(async ({ target }) => {
    order.push(target.name);
    return aSample(order.length);
  });
  const { summaries, skipped } = await runScenario(scenario, someOptions(new AbortController().signal));
  assert.deepEqual(order, ['direct', 'tulle', 'direct', 'tulle']);
  assert.deepEqual(skipped, []);
  assert.deepEqual(
    summaries.map(({ name, figures }) => [name, figures.cpuUs?.median]),
    [
      ['direct', 2],
      ['tulle', 3],
    ],
  );
});

test('a target that does not start is skipped with its reason, and the others go on', async () => {
  const scenario = aScenario(async ({ target }) => {
    if (target.name === 'tulle') throw new Error('HTTP/2 is not spoken');
    return aSample(1);
  });
  const { summaries, skipped } = await runScenario(scenario, someOptions(new AbortController().signal));
  assert.deepEqual(
    summaries.map(({ name, runs }) => [name, runs]),
    [['direct', 2]],
  );
  assert.deepEqual(skipped, [{ name: 'tulle', reason: 'HTTP/2 is not spoken' }]);
});

test('a tool that is missing skips the scenario by name', async () => {
  const never = () => Promise.reject(new Error('measured'));
  const scenario = aScenario(never, { tool: 'no-such-tool' });
  const { skipped } = await runScenario(scenario, someOptions(new AbortController().signal));
  assert.deepEqual(skipped, [{ name: 'all', reason: 'no no-such-tool (unknown)' }]);
});

test('an abort ends it with what there is, and blames nobody', async () => {
  const stop = new AbortController();
  const scenario = aScenario(async ({ target }) => {
    if (target.name === 'direct') return aSample(1);
    stop.abort();
    throw new Error('killed');
  });
  const { summaries, skipped } = await runScenario(scenario, someOptions(stop.signal));
  assert.deepEqual(
    summaries.map(({ name, runs }) => [name, runs]),
    [['direct', 1]],
  );
  assert.deepEqual(skipped, []);
});
