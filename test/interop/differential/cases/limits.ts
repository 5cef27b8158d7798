/** Timeouts, faults, circuit breakers, outlier detection, and clusters that cannot serve. */
import { cluster, httpOptions, perRoute, route, virtualHost } from '../bootstrap.ts';
import type { Answer, Case, Feature, Json } from '../case.ts';
import { request, response } from '../case.ts';

const name = 'limits';
const always = { numerator: 100 };
const fault = (config: Json) => perRoute('fault', 'fault.v3.HTTPFault', config);
const breaker = (thresholds: Json) => ({ circuit_breakers: { thresholds: [thresholds] } });

const routes: readonly Json[] = [
  route('/timeout', { timeout: '0.2s' }),
  route('/no-timeout', { timeout: '0s' }),
  route('/expected', { timeout: '3s' }),
  route('/abort', {}, fault({ abort: { http_status: 429, percentage: always } })),
  route('/never', {}, fault({ abort: { http_status: 429, percentage: { numerator: 0 } } })),
  route('/abort-grpc', {}, fault({ abort: { grpc_status: 14, percentage: always } })),
  route(
    '/delay-abort',
    {},
    fault({ delay: { fixed_delay: '0.05s', percentage: always }, abort: { http_status: 503, percentage: always } }),
  ),
  route('/delay', {}, fault({ delay: { fixed_delay: '0.05s', percentage: always } })),
  route(
    '/fault-header',
    {},
    fault({ abort: { http_status: 500, percentage: always }, headers: [{ name: 'x-break', present_match: true }] }),
  ),
  route('/empty', { cluster: 'empty' }),
  route('/unknown', { cluster: 'nowhere' }),
  route('/unknown-500', { cluster: 'nowhere', cluster_not_found_response_code: 'INTERNAL_SERVER_ERROR' }),
  route('/by-header', { cluster: undefined, cluster_header: 'x-cluster' }),
  route('/refused', { cluster: 'refused' }),
  route('/one-request', { cluster: 'one-request' }),
  route('/one-connection', { cluster: 'one-connection' }),
  route('/outlier', { cluster: 'outlier' }),
  route('/weights', {
    cluster: undefined,
    weighted_clusters: {
      clusters: [
        { name: 'empty', weight: 0 },
        { name: 'a', weight: 5 },
      ],
    },
  }),
  route('/once', { cluster: 'once' }),
];

const get = (path: string, ...lines: string[]) => request(`GET ${path}`, 'limits.test', lines);
const grpc = (path: string) =>
  request(`POST ${path}`, 'limits.test', ['content-type: application/grpc', 'content-length: 0']);
const silence: Answer = { kind: 'silence' };
const held: Answer = { kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nheld', after: 'release' };
const late: Answer = { kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate', delayMs: 150 };
const row = (title: string, send: string, ...upstream: Answer[]): Case =>
  upstream.length === 0 ? { name: title, send } : { name: title, send, upstream };
const sends = (...paths: string[]) => paths.map((path) => ({ bytes: get(path) }));

export const limits: Feature = {
  name,
  virtualHosts: [virtualHost(name, routes)],
  clusters: ({ a, refused }) => [
    cluster('empty', []),
    cluster('dead', [refused]),
    cluster('one-request', [a], breaker({ max_requests: 1 })),
    cluster('one-connection', [a], breaker({ max_connections: 1, max_pending_requests: 0 })),
    cluster('outlier', [a], {
      outlier_detection: { consecutive_5xx: 2, max_ejection_percent: 100, base_ejection_time: '30s', interval: '30s' },
      common_lb_config: { healthy_panic_threshold: { value: 0 } },
    }),
    cluster(
      'once',
      [a],
      httpOptions({ http_protocol_options: {} }, { common_http_protocol_options: { max_requests_per_connection: 1 } }),
    ),
  ],
  cases: [
    row('a timeout', get('/timeout'), silence),
    row('a timeout for gRPC', grpc('/timeout'), silence),
    row('an answer in time', get('/timeout'), { ...late, delayMs: 20 }),
    row('no timeout, nothing expected', get('/no-timeout'), late),
    {
      name: 'a timeout after the head',
      send: get('/timeout'),
      upstream: [{ kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf' }],
      logLines: 1,
    },
    row('the expected time is told', get('/expected')),
    row('an injected abort', get('/abort')),
    row('an injected abort of a HEAD', request('HEAD /abort', 'limits.test')),
    row('an injected abort for gRPC', grpc('/abort')),
    row('an abort that never happens', get('/never')),
    row('an abort with a gRPC status, plain client', get('/abort-grpc')),
    row('an abort with a gRPC status, gRPC client', grpc('/abort-grpc')),
    row('a delay, then an abort', get('/delay-abort')),
    row('a delay, then the upstream', request('POST /delay', 'limits.test', ['content-length: 3'], 'abc')),
    row('a fault for a header', get('/fault-header', 'x-break: 1')),
    row('no fault without the header', get('/fault-header')),
    row('a cluster without endpoints', get('/empty')),
    row('a cluster without endpoints, gRPC', grpc('/empty')),
    row('an unknown cluster', get('/unknown')),
    row('an unknown cluster with a status', get('/unknown-500')),
    row('a cluster by header', get('/by-header', 'x-cluster: a')),
    row('a cluster by a header that is not there', get('/by-header')),
    row('a cluster by a header that names none', get('/by-header', 'x-cluster: nobody')),
    row('an endpoint that refuses', get('/refused')),
    row('weights of zero are never chosen', get('/weights')),
    {
      name: 'too many requests',
      send: [{ bytes: get('/one-request'), isHeld: true }, { bytes: get('/one-request') }],
      upstream: [held],
    },
    row('no request may wait for a connection', get('/one-connection')),
    {
      name: 'an ejected endpoint',
      send: [...sends('/outlier', '/outlier'), { bytes: get('/outlier'), pauseMs: 300 }],
      upstream: [response(500)],
    },
    { name: 'one request a connection', send: sends('/once', '/once') },
  ],
};
