import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Figures, Sample } from './figures.ts';
import { judge, quantileOf, spreadOf, summarize, verdictText, withAddedLatency, type Goal } from './summary.ts';

const aSample = (figures: Figures, more: Partial<Sample> = {}): Sample => ({
  figures,
  errors: '',
  foreignCores: 0,
  ...more,
});
const aGoal = (more: Partial<Goal>): Goal => ({ target: 'tulle', figure: 'cpuUs', limit: 1, of: null, ...more });
const one = (value: number) => ({ median: value, min: value, max: value });

test('the median of an odd count is the one in the middle', () => {
  assert.deepEqual(spreadOf([9, 1, 5]), { median: 5, min: 1, max: 9 });
});

test('the median of an even count is the mean of the two in the middle', () => {
  assert.deepEqual(spreadOf([4, 1, 10, 2]), { median: 3, min: 1, max: 10 });
});

test('a quantile is the value that so many lie below, and at most the last', () => {
  const sorted = Array.from({ length: 100 }, (_, index) => index);
  assert.deepEqual(
    [0, 0.5, 0.99, 1].map((share) => quantileOf(sorted, share)),
    [0, 50, 99, 99],
  );
  assert.equal(quantileOf([], 0.5), 0);
});

test('sums up each figure over the runs that have it', () => {
  const samples = [
    aSample({ cpuUs: 10, rps: 100 }, { foreignCores: 0.1 }),
    aSample({ cpuUs: 14, rps: 300 }, { errors: 'Non-2xx or 3xx responses: 3' }),
    aSample({ cpuUs: 12 }),
  ];
  assert.deepEqual(summarize('tulle', 'ours', samples), {
    name: 'tulle',
    about: 'ours',
    runs: 3,
    figures: { cpuUs: { median: 12, min: 10, max: 14 }, rps: { median: 200, min: 100, max: 300 } },
    foreignCores: { median: 0, min: 0, max: 0.1 },
    errors: ['Non-2xx or 3xx responses: 3'],
  });
});

test('added latency is counted from the median without a proxy', () => {
  const summaries = [
    summarize('direct', '', [aSample({ p50Us: 100, p99Us: 300 }), aSample({ p50Us: 120, p99Us: 300 })]),
    summarize('tulle', '', [aSample({ p50Us: 400 })]),
  ];
  const [direct, tulle] = withAddedLatency(summaries);
  assert.equal(direct?.figures.addedP50Us, undefined);
  assert.deepEqual(tulle?.figures, { p50Us: one(400), addedP50Us: one(290) });
});

test('without a measurement of no proxy nothing is added', () => {
  const summaries = [summarize('tulle', '', [aSample({ p50Us: 400 })])];
  assert.deepEqual(withAddedLatency(summaries), summaries);
});

test('a goal of less is met at its limit, and missed above', () => {
  const envoy = summarize('envoy-full', '', [aSample({ cpuUs: 40 })]);
  const goal = aGoal({ limit: 0.5, of: 'envoy-full' });
  const verdictOf = (cpuUs: number) => judge([goal], [envoy, summarize('tulle', '', [aSample({ cpuUs })])]);
  assert.deepEqual(verdictOf(20), [{ goal, value: 0.5, isMet: true }]);
  assert.deepEqual(verdictOf(22), [{ goal, value: 0.55, isMet: false }]);
});

test('a goal of more is missed below its limit', () => {
  const summaries = [
    summarize('tcp-tulle', '', [aSample({ mbPerSecond: 450 })]),
    summarize('tcp-envoy-full', '', [aSample({ mbPerSecond: 500 })]),
  ];
  const [verdict] = judge([aGoal({ target: 'tcp-tulle', figure: 'mbPerSecond', of: 'tcp-envoy-full' })], summaries);
  assert.equal(verdict && verdictText(verdict), "tcp-tulle, MB/s: 0.90 of tcp-envoy-full's; goal at least 1: MISSED");
});

test('an absolute goal is written in its unit', () => {
  const goal = aGoal({ figure: 'residentMb', limit: 80 });
  const [verdict] = judge([goal], [summarize('tulle', '', [aSample({ residentMb: 79.6 })])]);
  assert.equal(
    verdict && verdictText(verdict),
    'tulle, RSS: 80 (MB resident, the greater of the two); goal at most 80: met',
  );
});

test('a goal is not judged when one of the two was not measured', () => {
  const goal = aGoal({ of: 'envoy-full' });
  assert.deepEqual(judge([goal], [summarize('tulle', '', [aSample({ cpuUs: 1 })])]), []);
  assert.deepEqual(judge([goal], [summarize('envoy-full', '', [aSample({ cpuUs: 1 })])]), []);
});
