import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWrk } from './wrk.ts';

// Recorded from wrk 4.1.0.
const recorded = (errors: string) => `Running 1s test @ http://127.0.0.1:19600/1kb
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    28.24us   84.94us   3.09ms   99.58%
    Req/Sec   141.78k     3.22k  146.72k    72.73%
  Latency Distribution
     50%   24.00us
     75%   26.00us
     90%   32.00us
     99%    1.55ms
  154536 requests in 1.10s, 22.40MB read
${errors}Requests/sec: 140487.91
Transfer/sec:     20.36MB
`;

test('reads the count, the time that it really took, and latencies in any unit', () => {
  assert.deepEqual(parseWrk(recorded('')), {
    count: 154536,
    seconds: 1.1,
    latency: { p50Us: 24, p99Us: 1550 },
    errors: '',
  });
});

test('tells refused answers and broken connections', () => {
  const lines = '  Socket errors: connect 0, read 3, write 0, timeout 0\n  Non-2xx or 3xx responses: 147524\n';
  assert.equal(
    parseWrk(recorded(lines)).errors,
    'Non-2xx or 3xx responses: 147524, Socket errors: connect 0, read 3, write 0, timeout 0',
  );
});

test('refuses what is no report', () => {
  assert.throws(() => parseWrk('unable to connect to 127.0.0.1:19601 Connection refused'), /Connection refused/);
});
