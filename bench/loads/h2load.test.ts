import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latencyOf, parseH2load } from './h2load.ts';

// Recorded from h2load 1.52.0.
const good = `starting benchmark...
Application protocol: h2c
Stopped all clients for thread #0

finished in 1.00s, 332144.00 req/s, 32.63MB/s
requests: 332144 total, 332272 started, 332144 done, 332144 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 332144 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 32.63MB (34216160) total, 3.49MB (3654472) headers (space savings 93.60%), 20.27MB (21257216) data
                     min         max         mean         sd        +/- sd
time for request:       70us      2.06ms       211us        66us    95.79%
`;
const bad = `finished in 1.00s, 36874.00 req/s, 6.58MB/s
requests: 36874 total, 36876 started, 36874 done, 0 succeeded, 36874 failed, 0 errored, 0 timeout
status codes: 0 2xx, 0 3xx, 36874 4xx, 0 5xx
`;

test('counts calls that succeeded', () => {
  assert.deepEqual(parseH2load(good), { count: 332144, errors: '' });
});

test('tells calls that failed, with their statuses', () => {
  assert.deepEqual(parseH2load(bad), {
    count: 0,
    errors: '36874 failed, 0 errored; status codes: 0 2xx, 0 3xx, 36874 4xx, 0 5xx',
  });
});

test('refuses what is no report', () => {
  assert.throws(() => parseH2load('connection refused'), /h2load said/);
});

test('takes latencies from the log, in whatever order calls ended', () => {
  const log = '1795669324564843\t200\t943\n1795669324564843\t200\t12\n1795669324564846\t200\t1962\n';
  assert.deepEqual(latencyOf(log), { p50Us: 943, p99Us: 1962, p999Us: 1962 });
});
