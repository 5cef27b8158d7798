import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '#shared/runtime/random.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import { defaultThresholds, type Thresholds } from '../snapshot/cluster.ts';
import type { RetryPolicy } from '../snapshot/route.ts';
import { Breaker } from './circuit.ts';
import { createClusterStats } from './cluster-stats.ts';
import { compileRetryPlan, type retryOn } from './retry-plan.ts';
import { RetryState, type RetryDecision } from './retry-state.ts';

/** Only what retrying reads of headers. */
const aHeaderMap = (lines: Record<string, string> = {}): HeaderMap => {
  const known = new Map(Object.entries(lines));
  return { get: (name: string) => known.get(name), has: (name: string) => known.has(name) } as unknown as HeaderMap;
};

const aRequest = (method = 'GET', headers: Record<string, string> = {}) =>
  ({ method, headers: aHeaderMap(headers) }) as RequestHead;

const aResponse = (status: number, headers: Record<string, string> = {}) =>
  ({ status, headers: aHeaderMap(headers) }) as ResponseHead;

const aPolicy = (on: string, changes: Partial<RetryPolicy> = {}): RetryPolicy => ({
  on: on.split(','),
  attempts: 2,
  perTryTimeoutMs: 0,
  retriableStatusCodes: [418],
  retriableHeaders: [{ name: 'x-again', match: { kind: 'present' }, invert: false, treatMissingAsEmpty: false }],
  retriableRequestHeaders: [],
  avoidPreviousHosts: true,
  hostSelectionAttempts: 1,
  baseIntervalMs: 25,
  maxIntervalMs: 250,
  ...changes,
});

type Options = Partial<{
  policy: Partial<RetryPolicy>;
  safeMethodsOnly: boolean;
  request: RequestHead;
  thresholds: Thresholds;
}>;

function setUp(on: string, { policy, safeMethodsOnly = false, request, thresholds }: Options = {}) {
  const plan = compileRetryPlan(aPolicy(on, policy), {
    safeMethodsOnly,
    compileRequestHeader: (match) => (head) => head.headers.has(match.name),
    compileResponseHeader: (match) => (head) => head.headers.has(match.name),
  });
  const breaker = new Breaker(thresholds ?? defaultThresholds);
  const stats = createClusterStats();
  const state = new RetryState({ plan, breaker, stats, random: seededRandom(1) }, request ?? aRequest());
  return { plan, breaker, stats, state };
}

/** What can happen to an attempt. */
const outcomes: Record<string, (state: RetryState) => RetryDecision> = {
  500: (state) => state.shouldRetryHeaders(aResponse(500)),
  502: (state) => state.shouldRetryHeaders(aResponse(502)),
  409: (state) => state.shouldRetryHeaders(aResponse(409)),
  418: (state) => state.shouldRetryHeaders(aResponse(418)),
  'x-again': (state) => state.shouldRetryHeaders(aResponse(200, { 'x-again': '1' })),
  ratelimited: (state) => state.shouldRetryHeaders(aResponse(503, { 'x-envoy-ratelimited': 'true', 'x-again': '1' })),
  'reset, 0 bytes': (state) => state.shouldRetryReset('reset', 0),
  'reset after bytes': (state) => state.shouldRetryReset('reset', 120),
  'connect refused': (state) => state.shouldRetryReset('connectFailure', 0),
  'refused stream': (state) => state.shouldRetryReset('refusedStream', 120),
  'per-try timeout': (state) => state.shouldRetryReset('perTryTimeout', 120),
  'route timeout': (state) => state.shouldRetryReset('routeTimeout', 120),
  overflow: (state) => state.shouldRetryReset('overflow', 0),
  cancelled: (state) => state.shouldRetryHeaders(aResponse(200, { 'grpc-status': '1' })),
  deadline: (state) => state.shouldRetryHeaders(aResponse(200, { 'grpc-status': '4' })),
  exhausted: (state) => state.shouldRetryHeaders(aResponse(200, { 'grpc-status': '8' })),
  internal: (state) => state.shouldRetryHeaders(aResponse(200, { 'grpc-status': '13' })),
  unavailable: (state) => state.shouldRetryHeaders(aResponse(200, { 'grpc-status': '14' })),
};

const resets = ['reset, 0 bytes', 'reset after bytes', 'connect refused', 'refused stream', 'per-try timeout'];

/** For each condition the outcomes that are retried; all others are not. */
const table: Record<keyof typeof retryOn, string[]> = {
  '5xx': ['500', '502', ...resets],
  'gateway-error': ['502', ...resets],
  reset: resets,
  'reset-before-request': ['reset, 0 bytes', 'connect refused'],
  'connect-failure': ['connect refused'],
  'envoy-ratelimited': ['ratelimited'],
  'retriable-4xx': ['409'],
  'refused-stream': ['refused stream'],
  'retriable-status-codes': ['418'],
  'retriable-headers': ['x-again'],
  cancelled: ['cancelled'],
  'deadline-exceeded': ['deadline'],
  'resource-exhausted': ['exhausted'],
  internal: ['internal'],
  unavailable: ['unavailable'],
};

const retried = (on: string, options: Options = {}) =>
  Object.keys(outcomes).filter((name) => outcomes[name]?.(setUp(on, options).state) === 'retry');

describe('the conditions', () => {
  for (const [condition, expected] of Object.entries(table))
    test(`${condition} retries exactly: ${expected.join(', ')}`, () => {
      assert.deepEqual(retried(condition).sort(), [...expected].sort());
    });

  test('are joined by or, and unknown words mean nothing', () => {
    assert.deepEqual(
      retried('connect-failure,refused-stream,unavailable,cancelled,http3-post-connect-failure,nonsense').sort(),
      ['cancelled', 'connect refused', 'refused stream', 'unavailable'],
    );
    assert.equal(setUp('nonsense').state.isEnabled, false);
  });

  test('a rate-limited answer looks at nothing but its own condition', () => {
    assert.deepEqual(retried('5xx,gateway-error,retriable-headers').includes('ratelimited'), false);
  });

  test('a request without a retriable request header is not retried', () => {
    const policy = {
      retriableRequestHeaders: [
        { name: 'x-may', match: { kind: 'present' }, invert: false, treatMissingAsEmpty: false } as const,
      ],
    };
    assert.deepEqual(retried('5xx', { policy }), []);
    assert.equal(setUp('5xx', { policy }).state.isEnabled, false);
    assert.ok(retried('5xx', { policy, request: aRequest('GET', { 'x-may': '' }) }).includes('500'));
  });
});

describe('safe methods only', () => {
  test('a POST is retried only when provably unprocessed', () => {
    const options = { safeMethodsOnly: true, request: aRequest('POST') };
    assert.deepEqual(retried('5xx,reset,retriable-4xx', options), [
      'reset, 0 bytes',
      'connect refused',
      'refused stream',
    ]);
  });

  test('gRPC conditions hold for calls, which are all POST, but if they are told to keep off', () => {
    const options = { safeMethodsOnly: true, request: aRequest('POST', { 'content-type': 'application/grpc' }) };
    assert.deepEqual(retried('unavailable,cancelled', options).sort(), ['cancelled', 'unavailable']);
    const { state } = setUp('unavailable', options);
    assert.equal(
      state.shouldRetryHeaders(aResponse(200, { 'grpc-status': '14', 'x-envoy-ratelimited': 'true' })),
      'no',
    );
  });

  for (const request of [aRequest('PUT'), aRequest('DELETE'), aRequest('POST', { 'idempotency-key': 'k1' })])
    test(`a ${request.method}${request.method === 'POST' ? ' with an idempotency key' : ''} is retried as ever`, () => {
      assert.deepEqual(retried('5xx', { safeMethodsOnly: true, request }), retried('5xx'));
    });

  test('without the option a POST is retried as ever', () => {
    assert.deepEqual(retried('5xx', { request: aRequest('POST') }), retried('5xx'));
  });
});

describe('the budget', () => {
  test('after the last retry the answer is limitExceeded', () => {
    const { state, stats } = setUp('5xx');
    const answers = [1, 2, 3].map(() => state.shouldRetryHeaders(aResponse(503)));
    assert.deepEqual(answers, ['retry', 'retry', 'limitExceeded']);
    assert.deepEqual([stats.upstream_rq_retry, stats.upstream_rq_retry_limit_exceeded], [2, 1]);
  });

  test('no condition is asked before the limit, the limit before the breaker', () => {
    const none = { ...defaultThresholds, maxRetries: 0 };
    const { state, stats } = setUp('5xx', { thresholds: none, policy: { attempts: 1 } });
    assert.equal(state.shouldRetryHeaders(aResponse(404)), 'no');
    assert.equal(state.shouldRetryHeaders(aResponse(503)), 'overflow');
    assert.equal(state.shouldRetryHeaders(aResponse(503)), 'limitExceeded');
    assert.deepEqual([stats.upstream_rq_retry_overflow, stats.upstream_rq_retry], [1, 0]);
  });

  test('what never reached the service does not count in its budget, but in a number', () => {
    const budget = { ...defaultThresholds, retryBudget: { percent: 0, minConcurrency: 0 } };
    const number = { ...defaultThresholds, maxRetries: 0 };
    const decisions = (thresholds: Thresholds, options: Options) => {
      const decide = (ask: (state: RetryState) => unknown) => ask(setUp('5xx', { thresholds, ...options }).state);
      return [
        decide((state) => state.shouldRetryReset('connectFailure', 0)),
        decide((state) => state.shouldRetryReset('refusedStream', 90)),
        decide((state) => state.shouldRetryReset('reset', 90)),
      ];
    };
    assert.deepEqual(decisions(budget, { safeMethodsOnly: true }), ['retry', 'retry', 'overflow']);
    assert.deepEqual(decisions(budget, {}), ['overflow', 'overflow', 'overflow']);
    assert.deepEqual(decisions(number, { safeMethodsOnly: true }), ['overflow', 'overflow', 'overflow']);
  });

  test('a retry counts in the breaker until the next question or the end', () => {
    const { state, breaker, stats } = setUp('5xx');
    state.shouldRetryHeaders(aResponse(503));
    assert.equal(breaker.retries, 1);
    state.shouldRetryHeaders(aResponse(503));
    assert.equal(breaker.retries, 1);
    state.close(true);
    state.close(false);
    assert.deepEqual([breaker.retries, stats.upstream_rq_retry_success], [0, 1]);
  });

  test('waits longer each time, from 0 on', () => {
    const plan = compileRetryPlan(aPolicy('5xx', { attempts: 10 }), {
      safeMethodsOnly: false,
      compileRequestHeader: () => () => false,
      compileResponseHeader: () => () => false,
    });
    const context = { plan, breaker: new Breaker(defaultThresholds), stats: createClusterStats() };
    const delays = (random: () => number) => {
      const state = new RetryState({ ...context, random }, aRequest());
      const waited = Array.from({ length: 6 }, () => {
        state.shouldRetryHeaders(aResponse(503));
        return state.backoffMs();
      });
      state.close(false);
      return waited;
    };
    assert.deepEqual(
      delays(() => 0.999_999),
      [24, 49, 99, 199, 249, 249],
    );
    assert.deepEqual(
      delays(() => 0),
      [0, 0, 0, 0, 0, 0],
    );
  });
});
