/** Where our sidecar differs from Envoy on purpose when HTTP/2 is spoken, as `known.ts` has it for HTTP/1.1. */
import { http2 } from './cases/http2.ts';
import { known, type Known } from './known.ts';

const everything = ['client', 'upstream', 'log'];
const ofLog = ['log.method', 'log.path', 'log.authority', 'log.details', 'log.user_agent', 'log.content_type'];

/** Envoy does not look at the scheme of a request, nor at its host beside an authority, and cuts blanks off. */
const lenient = [
  'http2: malformed: another scheme',
  'http2: malformed: another host than the authority',
  'http2: malformed: blanks around a value',
];

const malformed: Known = {
  rows: http2.cases
    .map(({ name }) => `http2: ${name}`)
    .filter((row) => row.startsWith('http2: malformed: ') && !lenient.includes(row)),
  differs: ['client', ...ofLog],
  status: [],
  reason: 'a malformed request costs its stream, not its connection, and the log has what could be read of it',
};

/** Rows of HTTP/2 alone. */
export const knownOfHttp2: readonly Known[] = [
  malformed,
  {
    rows: lenient,
    differs: everything,
    status: [],
    reason: 'what is malformed by RFC 9113 8.2.1 and 8.3.1 is refused; Envoy mends it and passes it on',
  },
  {
    rows: ['http2: a fragment'],
    differs: everything,
    status: [200],
    reason: 'a fragment is cut off, as under Istio; Envoy by itself refuses it with 400',
  },
  {
    rows: ['http2: a CONNECT'],
    differs: ['log.path'],
    reason: 'the log of a CONNECT says the target',
  },
  {
    rows: ['http2: too many fields', 'http2: a head that is too large'],
    differs: everything,
    status: [431],
    reason: 'a head that is too large is answered with 431, as over HTTP/1.1; Envoy resets the stream',
  },
  {
    rows: ['http2: the same length twice'],
    differs: everything,
    status: [200],
    reason: 'equal lengths are one length (RFC 9110 8.6) and go upstream as one line; Envoy refuses them',
  },
  {
    rows: ['grpc: a deadline after the head', 'grpc: a cap after the head', 'grpc: a stream duration after the head'],
    differs: ['client.responses.trailers', 'client.rest'],
    status: [200],
    reason: 'a gRPC call whose answer has begun is told in trailers why it ends; Envoy resets its stream',
  },
];

/** What of `known.ts` holds where a side speaks HTTP/2: without rows that go the same there. */
function without(rows: readonly string[]): readonly Known[] {
  return known.flatMap((one) => {
    const left = one.rows.filter((row) => !rows.includes(row));
    return left.length === 0 ? [] : [{ ...one, rows: left }];
  });
}

export const knownDownstream: readonly Known[] = [
  ...without([
    'rewrite: redirect of a HEAD',
    'headers: the edge passes no trailers on',
    'messages: HEAD of chunks',
    'messages: a reason is not passed on as it is',
    'messages: an upgrade that the upstream does not take',
    'messages: an upgrade that is not allowed',
    'messages: CONNECT',
    'malformed: answer: a chunk size that is no number',
  ]),
  {
    rows: [
      'match: an absolute form overrides the host',
      'match: an absolute form without a path',
      'headers: hop-by-hop headers',
    ],
    differs: ['client', ...ofLog],
    status: [],
    reason: malformed.reason,
  },
  {
    rows: ['messages: CONNECT'],
    differs: ['log.path'],
    reason: 'the log of a CONNECT says the target',
  },
  {
    rows: ['messages: a websocket'],
    differs: ['upstream.fields'],
    reason: 'a WebSocket of HTTP/2 has no key, and gets one for the upstream of HTTP/1.1 (RFC 6455 4.1)',
  },
  {
    rows: ['messages: an upgrade that the upstream does not take'],
    differs: ['client', 'upstream.fields', 'log.details', 'log.sent'],
    status: [502],
    reason: 'a 2xx without an upgrade would open a tunnel over HTTP/2 (RFC 8441 5): it goes down as 502, with its body',
  },
  {
    rows: ['retry: a large body is not sent again'],
    differs: everything,
    status: [503],
    reason: 'a body is kept for retries up to 1 MiB; Envoy keeps as much as the window of a stream',
  },
];

export const knownUpstream: readonly Known[] = [
  ...without(['headers: hop-by-hop headers of an answer', 'retry: a reset in the body is not retried']),
  {
    rows: ['messages: a websocket'],
    differs: ['client.responses.fields'],
    reason: 'a client of HTTP/1.1 is told that its key was seen (RFC 6455 4.2.2), also when the upstream speaks HTTP/2',
  },
];
