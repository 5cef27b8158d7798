/** gRPC calls: deadlines, statuses in heads and trailers, and what becomes of a call that breaks off. */
import { cluster, route, virtualHost } from '../bootstrap.ts';
import type { Answer, Case, Feature, Json } from '../case.ts';
import { raw, request, response } from '../case.ts';

const name = 'grpc';
const endless = { timeout: '0s', max_grpc_timeout: '0s' };

const routes: readonly Json[] = [
  route('/cap', { timeout: '0.4s', max_grpc_timeout: '0.4s' }),
  route('/new', { timeout: '0s', max_stream_duration: { max_stream_duration: '0s', grpc_timeout_header_max: '0s' } }),
  route('/retry', {
    ...endless,
    retry_policy: { retry_on: 'unavailable,reset', num_retries: 1, retry_back_off: { base_interval: '0.005s' } },
  }),
  route('/nowhere', { ...endless, cluster: 'grpc-nowhere' }),
  route('/', endless),
];

/** One message of two octets. */
const message = '\0\0\0\0\x02hi';
const chunk = `${message.length.toString(16)}\r\n${message}\r\n`;
const type = 'content-type: application/grpc';

const headOf = (path: string, lines: readonly string[], media: string) =>
  request(`POST ${path}`, 'grpc.test', [
    `content-type: ${media}`,
    'te: trailers',
    ...lines,
    'transfer-encoding: chunked',
  ]);
const call = (path: string, ...lines: readonly string[]) =>
  `${headOf(path, lines, 'application/grpc')}${chunk}0\r\n\r\n`;
/** A call whose client may still send. */
const open = (path: string, ...lines: readonly string[]) => headOf(path, lines, 'application/grpc');

const silence: Answer = { kind: 'silence' };
const head = ['HTTP/1.1 200 OK', type];
const chunked = [...head, 'transfer-encoding: chunked', '', ''].join('\r\n');
const begun: Answer = { kind: 'raw', bytes: `${chunked}${chunk}`, after: 'head' };
const ended = (...trailers: readonly string[]): Answer => ({
  kind: 'raw',
  bytes: `${chunked}${chunk}0\r\n${[...trailers, '', ''].join('\r\n')}`,
});
const trailersOnly = (...lines: readonly string[]) => raw(...head, ...lines, 'content-length: 0', '', '');

const row = (title: string, send: string, ...upstream: readonly Answer[]): Case => ({
  name: title,
  send: [{ bytes: send }],
  upstream,
  logLines: 1,
});

export const grpc: Feature = {
  name,
  virtualHosts: [virtualHost(name, routes, { include_request_attempt_count: true })],
  clusters: () => [cluster('grpc-nowhere', [])],
  cases: [
    row('a call', call('/a'), ended('grpc-status: 0')),
    row('a call that fails', call('/a'), ended('grpc-status: 5', 'grpc-message: not%20there')),
    row('a deadline before the head', call('/a', 'grpc-timeout: 200m'), silence),
    row('a deadline after the head', call('/a', 'grpc-timeout: 200m'), begun),
    row('a deadline of a call that is open', open('/a', 'grpc-timeout: 200m'), silence),
    row('a cap after the head', call('/cap'), begun),
    row('a cap, and a deadline of nothing', call('/cap', 'grpc-timeout: 0m'), silence),
    row('a stream duration before the head', call('/new', 'grpc-timeout: 200m'), silence),
    row('a stream duration of a call that is open', open('/new', 'grpc-timeout: 200m'), silence),
    row('a stream duration after the head', call('/new', 'grpc-timeout: 200m'), begun),
    row(
      'a stream duration where it is not gRPC',
      `${headOf('/new', ['grpc-timeout: 100m'], 'text/plain')}0\r\n\r\n`,
      response(200),
    ),
    { ...row('a client that cancels', open('/a'), silence), send: [{ bytes: open('/a'), hangsUp: true }] },
    row('a reset after the head', call('/a'), { ...begun, ending: 'reset' }),
    row('a reset before the head', call('/a'), { kind: 'reset' }),
    row('no status', call('/a'), ended()),
    row('unavailable in the trailers is not retried', call('/retry'), ended('grpc-status: 14')),
    row('unavailable in the head is retried', call('/retry'), trailersOnly('grpc-status: 14'), ended('grpc-status: 0')),
    row('unavailable of a call that is open', open('/retry'), {
      kind: 'raw',
      bytes: `${[...head, 'grpc-status: 14', 'grpc-message: no', 'content-length: 0'].join('\r\n')}\r\n\r\n`,
      after: 'head',
    }),
    row('a status of its own', call('/a'), trailersOnly('grpc-status: 77')),
    row('a status that is no number', call('/a'), trailersOnly('grpc-status: abc')),
    row('503 without gRPC', call('/a'), response(503)),
    row('gRPC-Web passes', `${headOf('/a', [], 'application/grpc-web')}${chunk}0\r\n\r\n`, response(503)),
    row('no endpoint', call('/nowhere'), silence),
    row('no route', request('POST /a', 'nobody.test', [type, 'te: trailers', 'content-length: 0']), silence),
  ],
};
