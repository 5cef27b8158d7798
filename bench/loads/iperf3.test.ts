import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIperf3 } from './iperf3.ts';

// Recorded from iperf3 3.12, shortened.
const good = `{ "start": { "version": "iperf 3.12" }, "intervals": [], "end": {
  "sum_sent": { "start": 0, "end": 1.000167, "seconds": 1.000167, "bytes": 4608000000, "retransmits": 21, "sender": true },
  "sum_received": { "start": 0, "end": 1.000619, "seconds": 1.000619, "bytes": 4607049728, "sender": true }
} }`;

test('counts the megabytes that arrived', () => {
  assert.deepEqual(parseIperf3(good), { count: 4607.049728, seconds: 1.000619, latency: null, errors: '' });
});

test('tells why nothing was sent', () => {
  const refused = '{ "intervals": [], "end": {}, "error": "unable to connect to server: Connection refused" }';
  assert.throws(() => parseIperf3(refused), /unable to connect to server: Connection refused/);
});
