/** Retries: how often the upstream is asked, and what the client gets in the end. */
import { cluster, route, virtualHost } from '../bootstrap.ts';
import type { Answer, Case, Feature, Json } from '../case.ts';
import { request, response } from '../case.ts';

const name = 'retry';
const policy = (on: string, more: Json = {}): Json => ({
  retry_policy: { retry_on: on, num_retries: 2, retry_back_off: { base_interval: '0.005s' }, ...more },
});
const previous = {
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
      },
    },
  ],
  host_selection_retry_max_attempts: 5,
};

const routes: readonly Json[] = [
  route('/5xx', policy('5xx')),
  route('/gateway', policy('gateway-error')),
  route('/reset-only', policy('reset')),
  route('/before', policy('reset-before-request')),
  route('/connect', { cluster: 'refused', ...policy('connect-failure') }),
  route('/no-connect', { cluster: 'refused', ...policy('retriable-4xx') }),
  route('/4xx', policy('retriable-4xx')),
  route('/codes', policy('retriable-status-codes', { retriable_status_codes: [429, 503] })),
  route('/headers', policy('retriable-headers', { retriable_headers: [{ name: 'x-again', present_match: true }] })),
  route('/if-request', policy('5xx', { retriable_request_headers: [{ name: 'x-may', present_match: true }] })),
  route('/rate', policy('5xx,envoy-ratelimited')),
  route('/grpc', policy('unavailable,cancelled')),
  route('/try-timeout-reset', policy('reset', { per_try_timeout: '0.15s' })),
  route('/try-timeout-no', policy('connect-failure', { per_try_timeout: '0.15s' })),
  route('/timeout', { timeout: '0.2s', ...policy('5xx') }),
  route('/hosts', { cluster: 'two', ...policy('5xx', previous) }),
  route('/default', { retry_policy: { retry_on: '5xx' } }),
  route('/budget', { cluster: 'budget', ...policy('5xx') }),
  route('/none', { cluster: 'no-retries', ...policy('5xx') }),
];

const get = (path: string, ...lines: string[]) => request(`GET ${path}`, 'retry.test', lines);
const post = (path: string, body = 'body') =>
  request(`POST ${path}`, 'retry.test', [`content-length: ${body.length}`], body);
const reset: Answer = { kind: 'reset' };
const close: Answer = { kind: 'close' };
const silence: Answer = { kind: 'silence' };
const fail = response(503, [], 'failed');
const fine = response(200, ['x-fine: 1'], 'fine');
const row = (title: string, send: string, ...upstream: Answer[]): Case => ({ name: title, send, upstream });
const grpc = (path: string) =>
  request(`POST ${path}`, 'retry.test', ['content-type: application/grpc', 'te: trailers', 'content-length: 0']);

export const retries: Feature = {
  name,
  virtualHosts: [virtualHost(name, routes, { include_request_attempt_count: true })],
  clusters: ({ a, b, refused }) => [
    cluster('two', [a, b]),
    cluster('refused', [refused]),
    cluster('budget', [a], {
      circuit_breakers: {
        thresholds: [{ retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: 1 } }],
      },
    }),
    cluster('no-retries', [a], { circuit_breakers: { thresholds: [{ max_retries: 0 }] } }),
  ],
  cases: [
    row('5xx: 500, then 200', get('/5xx'), response(500), fine),
    row('5xx: always 503 until the limit', get('/5xx'), fail),
    row('5xx: a reset, then 200', get('/5xx'), reset, fine),
    row('5xx: a close, then 200', get('/5xx'), close, fine),
    row('5xx: 404 is final', get('/5xx'), response(404)),
    row('5xx: a POST is sent again whole', post('/5xx', 'x'.repeat(2000)), fail, fine),
    row('gateway-error: 502, 504, then 200', get('/gateway'), response(502), response(504), fine),
    row('gateway-error: 500 is final', get('/gateway'), response(500)),
    row('gateway-error: a reset is one', get('/gateway'), reset, fine),
    row('reset: a reset, then 200', get('/reset-only'), reset, fine),
    row('reset: always', get('/reset-only'), reset),
    row('reset: 503 is final', get('/reset-only'), fail),
    row('reset-before-request: not once it was sent', get('/before'), reset, fine),
    row('connect-failure: tried three times', get('/connect')),
    row('connect-failure: not retried by other conditions', get('/no-connect')),
    row('retriable-4xx: 409, then 200', get('/4xx'), response(409), fine),
    row('retriable-4xx: 404 is final', get('/4xx'), response(404)),
    row('retriable-status-codes: 429, 503, then 200', get('/codes'), response(429), fail, fine),
    row('retriable-status-codes: 500 is final', get('/codes'), response(500)),
    row('retriable-headers: one that says so', get('/headers'), response(200, ['x-again: 1'], 'no'), fine),
    row('retriable-headers: one that does not', get('/headers'), response(500)),
    row('retriable request headers: with', get('/if-request', 'x-may: 1'), fail, fine),
    row('retriable request headers: without', get('/if-request'), fail),
    row('rate limited', get('/rate'), response(503, ['x-envoy-ratelimited: true']), fine),
    row('5xx: rate limited is final', get('/5xx'), response(503, ['x-envoy-ratelimited: true'])),
    row(
      'gRPC: unavailable in the head',
      grpc('/grpc'),
      response(200, ['content-type: application/grpc', 'grpc-status: 14']),
      fine,
    ),
    row(
      'gRPC: another status is final',
      grpc('/grpc'),
      response(200, ['content-type: application/grpc', 'grpc-status: 5']),
    ),
    row('a per-try timeout is retried under reset', get('/try-timeout-reset'), silence, fine),
    row('a per-try timeout three times', get('/try-timeout-reset'), silence),
    row('a per-try timeout is final under connect-failure', get('/try-timeout-no'), silence),
    row('the timeout of the route is final', get('/timeout'), silence),
    row('another host is tried', get('/hosts'), fail, fine),
    row('one retry by default', get('/default'), fail),
    row('a budget lets one retry through', get('/budget'), fail, fine),
    row('no retries at all are let through', get('/none'), fail, fine),
    row('a large body is not sent again', post('/5xx', 'x'.repeat(1_200_000)), fail, fine),
    {
      name: 'an error in the body is not retried',
      send: get('/5xx'),
      upstream: [{ kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', ending: 'close' }, fine],
      logLines: 1,
    },
    {
      name: 'a reset in the body is not retried',
      send: get('/5xx'),
      upstream: [{ kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', ending: 'reset' }, fine],
      logLines: 1,
    },
  ],
};
