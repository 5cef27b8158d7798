import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aCluster } from '../upstream/cluster.fixture.ts';
import { startExchange } from './exchange.fixture.ts';

const { http } = aCluster();

test('a request without an authority is refused where it would have to go on as HTTP/2', () => {
  const { stream, upstream, logged } = startExchange({
    request: { authority: '', version: 'HTTP/1.0' },
    cluster: { http: { ...http, protocol: 'http2' } },
  });
  assert.equal(stream.head?.status, 400);
  assert.deepEqual([logged[0]?.details, upstream.attempts.length], ['missing_host_header', 0]);
});

test('a request without an authority goes on as HTTP/1.1', () => {
  const { upstream } = startExchange({ request: { authority: '', version: 'HTTP/1.0' } });
  assert.equal(upstream.attempts.length, 1);
});
