import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeaderMap } from '../http1/header-map.ts';
import { defaultThresholds } from '../snapshot/cluster.ts';
import { aResponse } from '../telemetry/heads.fixture.ts';
import { anOutlierConfig, someEndpoints } from '../upstream/cluster.fixture.ts';
import { anExchange, aRetry, startExchange } from './exchange.fixture.ts';

const refusing = (made: ReturnType<typeof anExchange>) => {
  made.upstream.mode = 'connectFailure';
  made.exchange.start();
  return made;
};

describe('an application that takes no connections', () => {
  const inbound = (fields: Readonly<{ compat?: 'tulle' | 'istio'; isRefusable?: boolean }> = {}) => {
    const made = anExchange({ service: { direction: 'inbound', compat: fields.compat ?? 'tulle' } });
    made.stream.isRefusable = fields.isRefusable ?? true;
    return refusing(made);
  };

  test('has done nothing with the request: its caller may ask another pod', () => {
    const { stream, logged } = inbound();
    assert.deepEqual([stream.wasRefused, stream.heads], [true, 0]);
    assert.deepEqual(
      logged.map(({ status, flagNames, details }) => [status, flagNames, details.split('{')[0]]),
      [[0, 'UF', 'upstream_reset_before_response_started']],
    );
  });

  test('is a 503 for who cannot be told, and for Istio', () => {
    for (const fields of [{ isRefusable: false }, { compat: 'istio' }] as const) {
      const { stream } = inbound(fields);
      assert.deepEqual([stream.wasRefused, stream.head?.status], [false, 503]);
    }
  });

  test('in a pod that ends a request may be cut off: what only reads is asked of another', () => {
    const cutOff = (method: string, ends: 'before' | 'soon after' | 'never') => {
      const made = anExchange({
        service: { direction: 'inbound', compat: 'tulle' },
        request: { method, version: 'HTTP/2' },
      });
      Object.assign(made.stream, { isRefusable: true, isLast: ends === 'before' });
      made.exchange.start();
      made.upstream.last.reset();
      Object.assign(made.stream, { isLast: ends !== 'never' });
      made.clock.advance(250);
      return made.stream.wasRefused ? 'refused' : made.stream.head?.status;
    };
    assert.deepEqual(
      [cutOff('GET', 'before'), cutOff('GET', 'soon after'), cutOff('GET', 'never'), cutOff('POST', 'before')],
      ['refused', 'refused', 503, 503],
    );
  });

  test('is a 503 for our own application, which has no other to ask', () => {
    const made = anExchange({ service: { compat: 'tulle' } });
    made.stream.isRefusable = true;
    assert.equal(refusing(made).stream.head?.status, 503);
  });
});

describe('outlier detection', () => {
  test('hears of a reset as of a 503: gateway errors count it', () => {
    const { exchange, upstream, cluster } = anExchange({
      cluster: { outlier: { ...anOutlierConfig, consecutiveGatewayFailure: 3 } },
    });
    exchange.start();
    upstream.last.reset();
    const host = [...cluster.hosts.values()][0];
    assert.equal(host?.monitor.consecutiveGatewayFailure, 1);
  });
});

describe('retries', () => {
  test('send head, body and trailers again, as they were', () => {
    const made = startExchange({ hasBody: true, request: { method: 'PUT' }, action: { retry: aRetry('5xx') } });
    made.exchange.onData(Buffer.from('one '), false);
    made.exchange.onData(Buffer.from('two'), false);
    made.exchange.onTrailers(HeaderMap.from([['x-sum', '7']]));
    made.upstream.last.answer(503, 'busy');
    made.upstream.last.reset();
    made.upstream.last.answer(200, 'done');
    const sent = made.upstream.attempts.map(({ head, body, trailers, hasEnded }) => [
      head?.method,
      body,
      trailers?.get('x-sum'),
      hasEnded,
    ]);
    assert.deepEqual(
      sent,
      Array.from({ length: 3 }, () => ['PUT', 'one two', '7', true]),
    );
    assert.equal(made.stream.answer, '200 done');
    assert.deepEqual([made.logged[0]?.attempts, made.logged[0]?.flagNames, made.logged.length], [3, '', 1]);
    assert.equal(made.cluster.stats.upstream_rq_retry, 2);
    assert.equal(made.cluster.stats.upstream_rq_retry_success, 1);
    assert.equal(made.cluster.breakers.default.retries, 0);
  });

  test('a body that ends after the retry goes on with the new attempt', () => {
    const made = startExchange({ hasBody: true, request: { method: 'PUT' }, action: { retry: aRetry('reset') } });
    made.exchange.onData(Buffer.from('early '), false);
    made.upstream.last.reset();
    made.exchange.onData(Buffer.from('late'), true);
    assert.deepEqual(
      made.upstream.attempts.map(({ body, hasEnded }) => [body, hasEnded]),
      [
        ['early ', false],
        ['early late', true],
      ],
    );
  });

  test('the answer that is given up is cancelled, the last one goes down and is flagged', () => {
    const made = startExchange({ action: { retry: aRetry('5xx', { attempts: 1 }) } });
    made.upstream.last.sink.onHead(aResponse(500), false);
    assert.equal(made.upstream.attempts[0]?.isAborted, true);
    made.upstream.last.answer(502, 'still');
    assert.equal(made.stream.answer, '502 still');
    assert.equal(made.logged[0]?.flagNames, 'URX');
  });

  test('a body over the limit is sent, but not again', () => {
    const made = startExchange({ hasBody: true, request: { method: 'PUT' }, action: { retry: aRetry('5xx,reset') } });
    made.exchange.onData(Buffer.alloc(1_048_576), false);
    made.exchange.onData(Buffer.alloc(1), true);
    assert.equal(made.upstream.last.body.length, 1_048_577);
    made.upstream.last.answer(503, 'busy');
    assert.equal(made.upstream.attempts.length, 1);
    assert.equal(made.stream.answer, '503 busy');
  });

  test('a request that waits for a connection is read up to the limit, and on when it is sent', () => {
    const made = anExchange({ hasBody: true });
    made.upstream.mode = 'wait';
    made.exchange.start();
    made.exchange.onData(Buffer.alloc(1_000_000), false);
    assert.equal(made.stream.isRequestPaused, false);
    made.exchange.onData(Buffer.alloc(100_000), false);
    assert.equal(made.stream.isRequestPaused, true);
    made.upstream.connect();
    assert.equal(made.upstream.last.body.length, 1_100_000);
    assert.equal(made.stream.isRequestPaused, false);
  });

  test('under the defaults of the mesh a POST is only retried where nobody saw it', () => {
    const setup = {
      request: { method: 'POST' },
      action: { retry: aRetry('5xx') },
      service: { compat: 'tulle' },
    } as const;
    const seen = startExchange(setup);
    seen.upstream.last.answer(503);
    assert.equal(seen.upstream.attempts.length, 1);
    assert.equal(startExchangeAndRefuseOnce(setup), '200 ok');
    const repeatable = startExchange({ ...setup, headers: { 'idempotency-key': 'k1' } });
    repeatable.upstream.last.answer(503);
    assert.equal(repeatable.upstream.attempts.length, 2);
  });

  test('a kept connection that ends without a word is replaced once, whatever the policy', () => {
    const cutOff = (method: string, { compat = 'tulle', kept = 1 }: { compat?: 'tulle' | 'istio'; kept?: number }) => {
      const made = anExchange({ request: { method }, service: { compat } });
      made.upstream.keptRequests = kept;
      made.exchange.start();
      made.upstream.last.reset();
      const { length } = made.upstream.attempts;
      if (length > 1) {
        assert.equal(made.upstream.keptRequests, 0);
        made.upstream.last.answer(200, 'ok');
        assert.equal(made.logged[0]?.attempts, 2);
      }
      return [length, made.stream.head?.status];
    };
    for (const method of ['GET', 'PUT']) assert.deepEqual(cutOff(method, {}), [2, 200]);
    for (const method of ['POST', 'PATCH']) assert.deepEqual(cutOff(method, {}), [1, 503]);
    assert.deepEqual(cutOff('GET', { kept: 0 }), [1, 503]);
    assert.deepEqual(cutOff('GET', { compat: 'istio' }), [1, 503]);
  });

  test('it is replaced by one to another host, where its own has left the cluster', () => {
    const made = anExchange({ service: { compat: 'tulle' }, endpoints: ['10.0.0.1'] });
    made.upstream.keptRequests = 1;
    made.exchange.start();
    made.cluster.update(made.cluster.config, someEndpoints('10.0.0.2'));
    made.upstream.last.reset();
    made.upstream.last.answer(200, 'ok');
    assert.deepEqual([made.upstream.last.host, made.stream.answer], ['10.0.0.2:80', '200 ok']);
  });

  test('a replaced connection that ends as well is the end of it', () => {
    const made = anExchange({ service: { compat: 'tulle' } });
    made.upstream.keptRequests = 1;
    made.exchange.start();
    made.upstream.last.reset();
    made.upstream.keptRequests = 1;
    made.upstream.last.reset();
    assert.deepEqual([made.upstream.attempts.length, made.stream.head?.status], [2, 503]);
  });

  test('another host is preferred', () => {
    const retry = aRetry('5xx', { avoidPreviousHosts: true, hostSelectionAttempts: 5 });
    const made = startExchange({ endpoints: ['10.0.0.1', '10.0.0.2', '10.0.0.3'], action: { retry } });
    made.upstream.last.answer(503);
    made.upstream.last.answer(503);
    assert.equal(new Set(made.upstream.attempts.map(({ host }) => host)).size, 3);
    made.upstream.last.answer(200);
    assert.equal(made.logged[0]?.upstreamHost, made.upstream.last.host);
    assert.equal(made.observed[0]?.host?.key, made.upstream.last.host);
  });

  test('wait by full jitter: the n-th for less than base * 2^(n-1), at most the maximum', () => {
    const made = startExchange({
      random: () => 0.999,
      action: { retry: aRetry('5xx', { attempts: 5, baseIntervalMs: 100, maxIntervalMs: 300 }) },
    });
    const waits = [99, 199, 299, 299, 299].map((ms) => {
      const before = made.upstream.attempts.length;
      made.upstream.last.answer(500);
      made.clock.advance(ms - 1);
      assert.equal(made.upstream.attempts.length, before);
      made.clock.advance(1);
      return made.upstream.attempts.length - before;
    });
    assert.deepEqual(waits, [1, 1, 1, 1, 1]);
  });

  test('none while one waits: the client may leave, or the route time out', () => {
    const retry = aRetry('5xx', { baseIntervalMs: 1000, maxIntervalMs: 1000 });
    const left = startExchange({ random: () => 0.9, action: { retry } });
    left.upstream.last.answer(500);
    left.exchange.onAbort({ kind: 'connectionClosed', reset: false, detail: '' });
    left.clock.advance(10_000);
    assert.equal(left.upstream.attempts.length, 1);
    assert.equal(left.cluster.breakers.default.retries, 0);
    const late = startExchange({ random: () => 0.9, action: { retry, timeoutMs: 500 } });
    late.upstream.last.answer(500);
    late.clock.advance(10_000);
    assert.equal(late.stream.answer, '504 upstream request timeout');
    assert.equal(late.upstream.attempts.length, 1);
    assert.equal(late.cluster.breakers.default.retries, 0);
  });

  test('stop at the breaker, and say so', () => {
    const thresholds = { ...defaultThresholds, maxRetries: 0 };
    const made = startExchange({
      cluster: { breakers: { default: thresholds, high: thresholds } },
      action: { retry: aRetry('5xx') },
    });
    made.upstream.last.answer(503, 'busy');
    assert.equal(made.stream.answer, '503 busy');
    assert.equal(made.logged[0]?.flagNames, 'UO');
    assert.equal(made.cluster.stats.upstream_rq_retry_overflow, 1);
  });

  test('tell in the body that the last reset was of a retry', () => {
    const made = refusing(anExchange({ action: { retry: aRetry('connect-failure') } }));
    assert.match(made.stream.body, /retried and the latest reset reason: remote connection failure/);
    assert.deepEqual([made.logged[0]?.attempts, made.logged[0]?.flagNames], [3, 'URX,UF']);
  });

  test('look at the gRPC status of heads, never of trailers', () => {
    const headers = { 'content-type': 'application/grpc' };
    const inHead = startExchange({ headers, action: { retry: aRetry('unavailable') } });
    inHead.upstream.last.answer(200, '', { 'grpc-status': '14' });
    assert.equal(inHead.upstream.attempts.length, 2);
    const inTrailers = startExchange({ headers, action: { retry: aRetry('unavailable') } });
    inTrailers.upstream.last.sink.onHead(aResponse(200), false);
    inTrailers.upstream.last.sink.onTrailers(HeaderMap.from([['grpc-status', '14']]));
    assert.equal(inTrailers.upstream.attempts.length, 1);
  });
});

function startExchangeAndRefuseOnce(setup: Parameters<typeof anExchange>[0]): string {
  const made = anExchange(setup);
  made.upstream.mode = 'wait';
  made.exchange.start();
  made.upstream.mode = 'ready';
  made.upstream.connect('connectFailure');
  made.upstream.last.answer(200, 'ok');
  return made.stream.answer;
}

describe('timeouts (vector 5)', () => {
  const perTry = (on: string) => aRetry(on, { perTryTimeoutMs: 100 });

  test('a try that times out is not retried under connect-failure', () => {
    const made = startExchange({ action: { timeoutMs: 1000, retry: perTry('connect-failure') } });
    made.clock.advance(100);
    assert.equal(made.upstream.last.isAborted, true);
    assert.equal(made.stream.answer, '504 upstream request timeout');
    assert.equal(made.logged[0]?.details, 'upstream_per_try_timeout');
  });

  test('each try has its own time under reset', () => {
    const made = startExchange({ action: { timeoutMs: 1000, retry: perTry('reset') } });
    made.clock.advance(100);
    made.clock.advance(100);
    assert.equal(made.upstream.attempts.length, 3);
    made.clock.advance(99);
    assert.equal(made.stream.heads, 0);
    made.clock.advance(1);
    assert.equal(made.stream.answer, '504 upstream request timeout');
    assert.deepEqual(
      made.upstream.attempts.map(({ isAborted }) => isAborted),
      [true, true, true],
    );
    assert.equal(made.logged[0]?.flagNames, 'URX,UT');
  });

  test('a try after an answer that was given up has its own time too', () => {
    const made = startExchange({ action: { retry: perTry('5xx') } });
    made.clock.advance(90);
    made.upstream.last.answer(503);
    made.clock.advance(90);
    assert.equal(made.upstream.attempts.length, 2);
    made.clock.advance(10);
    assert.equal(made.upstream.attempts.length, 3);
    made.clock.advance(100);
    assert.equal(made.stream.answer, '504 upstream request timeout');
  });

  test('the route times out whatever is retried, and is final', () => {
    const made = startExchange({ action: { timeoutMs: 250, retry: perTry('5xx,reset') } });
    made.clock.advance(10_000);
    assert.equal(made.upstream.attempts.length, 3);
    assert.equal(made.stream.answer, '504 upstream request timeout');
    assert.equal(made.logged[0]?.details, 'response_timeout');
    assert.equal(made.logged[0]?.durationMs, 250);
    assert.equal(made.cluster.stats.upstream_rq_timeout, 1);
  });

  test('both begin when the whole request is here', () => {
    const made = startExchange({ hasBody: true, action: { timeoutMs: 250, retry: perTry('reset') } });
    made.clock.advance(10_000);
    assert.equal(made.stream.heads, 0);
    made.exchange.onData(Buffer.from('x'), true);
    made.clock.advance(99);
    assert.equal(made.upstream.attempts.length, 1);
    made.clock.advance(1);
    assert.equal(made.upstream.attempts.length, 2);
    made.clock.advance(150);
    assert.equal(made.logged[0]?.details, 'response_timeout');
  });

  test('a try that has begun to answer is left alone', () => {
    const made = startExchange({ action: { retry: perTry('reset') } });
    made.upstream.last.sink.onHead(aResponse(200), false);
    made.clock.advance(1000);
    made.upstream.last.sink.onData(Buffer.from('slow'), true);
    assert.equal(made.stream.answer, '200 slow');
  });

  test('an answer that comes before the request has ended is never timed out as a try', () => {
    const made = startExchange({ hasBody: true, action: { retry: perTry('reset') } });
    made.upstream.last.sink.onHead(aResponse(200), false);
    made.exchange.onData(Buffer.from('x'), true);
    made.clock.advance(1000);
    made.upstream.last.sink.onData(Buffer.from('slow'), true);
    assert.equal(made.stream.answer, '200 slow');
  });

  test('gRPC clients set their own deadline where the route lets them', () => {
    const grpc = (maxGrpcTimeoutMs: number | null, asked: string) =>
      startExchange({
        headers: { 'content-type': 'application/grpc', 'grpc-timeout': asked },
        action: { timeoutMs: 0, maxGrpcTimeoutMs },
      });
    const free = grpc(0, '250m');
    free.clock.advance(249);
    assert.equal(free.stream.heads, 0);
    free.clock.advance(1);
    assert.equal(free.stream.head?.headers.get('grpc-status'), '14');
    const capped = grpc(100, '1S');
    capped.clock.advance(100);
    assert.equal(capped.stream.heads, 1);
    const deaf = grpc(null, '10m');
    deaf.clock.advance(10_000);
    assert.equal(deaf.stream.heads, 0);
  });
});

describe('what an attempt is told', () => {
  test('its number, and the time that is left', () => {
    const made = startExchange({ action: { timeoutMs: 1000, retry: aRetry('5xx', { perTryTimeoutMs: 700 }) } });
    made.clock.advance(400);
    made.upstream.last.answer(500);
    assert.deepEqual(made.attempts, [
      { attempt: 1, tellsAttempt: true, expectedTimeoutMs: 700 },
      { attempt: 2, tellsAttempt: true, expectedTimeoutMs: 600 },
    ]);
  });

  test('no time where there is none, no number where the host does not want it', () => {
    const made = startExchange({ virtualHost: { includeAttemptCount: false } });
    assert.deepEqual(made.attempts, [{ attempt: 1, tellsAttempt: false, expectedTimeoutMs: 0 }]);
  });
});

describe('flow control', () => {
  test('a full host pauses the client, and lets it go on', () => {
    const made = startExchange({ hasBody: true });
    made.upstream.last.isWritable = false;
    made.exchange.onData(Buffer.from('much'), false);
    assert.equal(made.stream.isRequestPaused, true);
    made.upstream.last.sink.onWritable();
    assert.equal(made.stream.isRequestPaused, false);
  });

  test('a full client pauses the host, and lets it go on', () => {
    const made = startExchange();
    made.stream.isWritable = false;
    made.upstream.last.sink.onHead(aResponse(200), false);
    made.upstream.last.sink.onData(Buffer.from('much'), false);
    assert.equal(made.upstream.last.isResponsePaused, true);
    made.exchange.onWritable();
    assert.equal(made.upstream.last.isResponsePaused, false);
  });

  test('an answer may come while the request still flows', () => {
    const made = startExchange({ hasBody: true });
    made.exchange.onData(Buffer.from('a'), false);
    made.upstream.last.sink.onHead(aResponse(200), false);
    made.exchange.onData(Buffer.from('b'), false);
    made.upstream.last.sink.onData(Buffer.from('early'), false);
    made.exchange.onData(Buffer.from('c'), true);
    made.upstream.last.sink.onData(Buffer.from(' done'), true);
    assert.equal(made.upstream.last.body, 'abc');
    assert.equal(made.upstream.last.hasEnded, true);
    assert.equal(made.stream.answer, '200 early done');
    assert.equal(made.logged[0]?.bytesReceived, 3);
  });

  test('an answer may end before the request does: the rest of it is dropped', () => {
    const made = startExchange({ hasBody: true });
    made.exchange.onData(Buffer.from('a'), false);
    made.upstream.last.answer(413, 'too much');
    made.exchange.onData(Buffer.from('b'), true);
    assert.equal(made.stream.answer, '413 too much');
    assert.equal(made.logged.length, 1);
  });
});

describe('affinity', () => {
  const cookie = {
    hashPolicies: [{ kind: 'cookie', name: 'who', ttlMs: 60_000, path: '/', attributes: [], terminal: false }] as const,
  };

  test('a client without a cookie gets one', () => {
    const made = startExchange({ action: cookie });
    made.upstream.last.answer(200);
    assert.match(made.stream.head?.headers.get('set-cookie') ?? '', /^who="[0-9a-f]+"; Max-Age=60; Path=\/; HttpOnly$/);
  });

  test('a cookie leads to the same host, and is not given anew', () => {
    const hosts = Array.from({ length: 5 }, () => {
      const made = startExchange({
        action: cookie,
        endpoints: ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'],
        cluster: { balancer: { kind: 'ringHash', minimumSize: 64, maximumSize: 1024, hashFunction: 'xxHash' } },
        headers: { cookie: 'who=me' },
      });
      made.upstream.last.answer(200);
      assert.equal(made.stream.head?.headers.has('set-cookie'), false);
      return made.upstream.last.host;
    });
    assert.equal(new Set(hosts).size, 1);
  });
});

test('the name of an endpoint becomes the host where the route says so', () => {
  const made = startExchange({ action: { hostRewrite: { kind: 'literal', value: 'other.example' } } });
  assert.equal(made.upstream.last.head?.authority, 'other.example');
});

test('each attempt counts with its host', () => {
  const made = startExchange({ action: { retry: aRetry('reset') } });
  made.upstream.last.reset();
  made.upstream.last.answer(200);
  const stats = made.observed[0]?.host?.stats;
  assert.deepEqual([stats?.rq_error, stats?.rq_success], [1, 1]);
  assert.equal(made.cluster.stats.upstream_rq_2xx, 1);
});
