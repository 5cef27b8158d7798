import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultThresholds } from '../snapshot/cluster.ts';
import { Breaker, breakerSlots } from './circuit.ts';

test('says no at the limit and yes again after a release', () => {
  const breaker = new Breaker({
    maxConnections: 1,
    maxPendingRequests: 2,
    maxRequests: 1,
    maxRetries: 0,
    retryBudget: null,
  });
  assert.deepEqual([breaker.takeConnection(), breaker.takeConnection()], [true, false]);
  assert.deepEqual([breaker.takePending(), breaker.takePending(), breaker.takePending()], [true, true, false]);
  assert.deepEqual([breaker.takeRequest(), breaker.takeRequest()], [true, false]);
  assert.equal(breaker.takeRetry(), false);
  breaker.releaseConnection();
  breaker.releasePending();
  breaker.releaseRequest();
  assert.deepEqual([breaker.takeConnection(), breaker.takePending(), breaker.takeRequest()], [true, true, true]);
  assert.deepEqual([breaker.connections, breaker.pending, breaker.requests, breaker.retries], [1, 2, 1, 0]);
});

test('a retry budget is a share of the load, with a minimum, and overrides the limit', () => {
  const budget = { percent: 20, minConcurrency: 3 };
  const breaker = new Breaker({ ...defaultThresholds, maxRetries: 1000, retryBudget: budget });
  const load = (active: number, waiting: number) => {
    while (breaker.requests < active) breaker.takeRequest();
    while (breaker.pending < waiting) breaker.takePending();
  };
  load(6, 4);
  assert.equal(breaker.retryLimit, 3);
  load(60, 40);
  assert.equal(breaker.retryLimit, 20);
  const taken = Array.from({ length: 25 }, () => breaker.takeRetry()).filter(Boolean).length;
  assert.equal(taken, 20);
});

test('other limits hold for what is already under way', () => {
  const breaker = new Breaker(defaultThresholds);
  for (let n = 0; n < 5; n++) assert.ok(breaker.takeRequest());
  breaker.update({ ...defaultThresholds, maxRequests: 5 });
  assert.equal(breaker.takeRequest(), false);
  breaker.update({ ...defaultThresholds, maxRequests: 4_294_967_295 });
  assert.equal(breaker.takeRequest(), true);
});

test('two breakers over one shared table share the limit', () => {
  const table = new Int32Array(new SharedArrayBuffer(breakerSlots * 4));
  const limits = { ...defaultThresholds, maxRequests: 1 };
  const [one, other] = [
    new Breaker(limits, { counts: table, share: null }),
    new Breaker(limits, { counts: table, share: null }),
  ];
  assert.deepEqual([one.takeRequest(), other.takeRequest()], [true, false]);
});

test('what one thread counted is known apart, so that it can be taken off when the thread dies', () => {
  const counts = new Int32Array(new SharedArrayBuffer(breakerSlots * 4));
  const [dead, alive] = [new Int32Array(breakerSlots), new Int32Array(breakerSlots)];
  const limits = { ...defaultThresholds, maxConnections: 1, maxRequests: 2, maxPendingRequests: 0 };
  const [one, other] = [new Breaker(limits, { counts, share: dead }), new Breaker(limits, { counts, share: alive })];
  one.takeConnection();
  one.forceConnection();
  one.takeRequest();
  one.takePending();
  other.takeRequest();
  one.releaseConnection();
  assert.equal(other.takeRequest(), false);
  assert.deepEqual([...dead], [1, 0, 1, 0]);
  assert.deepEqual([...alive], [0, 0, 1, 0]);
  assert.deepEqual([...counts], [1, 0, 2, 0]);
});
