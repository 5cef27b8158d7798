/**
 * Where our sidecar differs from Envoy on purpose: rows, what of them is not compared, and why. `docs/differences.md` says the same
 * to users. Paths are those of an observation: `client` (responses), `upstream` (what arrived) and `log`.
 */

export type Known = Readonly<{
  /** `feature: row` */
  rows: readonly string[];
  /** The differing parts: everything below these paths. */
  differs: readonly string[];
  /** What our client gets, where `client` as a whole is left out. */
  status?: readonly number[];
  reason: string;
}>;

const ofClient = ['client.responses.fields', 'client.responses.body'];
const ofLog = ['log.method', 'log.path', 'log.authority', 'log.sent', 'log.details', 'log.protocol'];
const everything = ['client', 'upstream', 'log'];

export const known: readonly Known[] = [
  {
    rows: [
      'a host with a blank',
      'length and chunks',
      'two lengths',
      'a length that is no number',
      'a negative length',
      'an unknown coding',
      'a blank before the colon',
      'a name with a bad letter',
      'a line without a colon',
      'a NUL in a value',
      'too many headers',
      'a blank in the target',
    ].map((row) => `malformed: request: ${row}`),
    differs: ofLog,
    reason: 'of a malformed request is logged what could be read; Envoy leaves the fields empty',
  },
  {
    rows: ['malformed: request: a chunk size that is no number'],
    differs: [...ofClient, 'log.sent', 'log.details', 'log.content_type'],
    reason: 'a body that turns out to be malformed is answered by a bare 400, and the log says what was wrong',
  },
  {
    rows: ['malformed: request: no version'],
    differs: everything,
    status: [400],
    reason: 'a request line without a version is malformed: 400; Envoy says 426',
  },
  {
    rows: ['malformed: request: another version'],
    differs: everything,
    status: [505],
    reason: 'an unknown version is 505 (RFC 9110 15.6.6); Envoy says 426',
  },
  {
    rows: ['malformed: request: chunks, then another coding'],
    differs: everything,
    status: [400],
    reason: 'a last coding other than chunked is 400 (RFC 9112 6.3); Envoy says 501',
  },
  {
    rows: ['malformed: request: a chunk that is too long'],
    differs: everything,
    status: [400],
    reason: 'chunk data that does not end where its size says is refused; Envoy 1.40 reads on and forwards it',
  },
  {
    rows: ['malformed: request: the same length twice'],
    differs: everything,
    status: [200],
    reason: 'equal lengths are one length (RFC 9110 8.6) and go upstream as one line; Envoy refuses them',
  },
  {
    rows: ['malformed: request: an empty host'],
    differs: ['log.authority'],
    reason: 'an empty authority is logged as absent',
  },
  {
    rows: ['malformed: answer: a chunk size that is no number'],
    differs: ['client.rest', 'log.details'],
    reason:
      'when the first chunk is malformed the client sees the connection end without half an answer; Envoy has sent the head',
  },
  {
    rows: ['malformed: answer: a head that is too large'],
    differs: everything,
    status: [502],
    reason: 'answers have the size limit of requests, 60 KiB; Envoy lets 70 KB through',
  },
  {
    rows: ['malformed: answer: an upgrade that nobody asked for'],
    differs: everything,
    status: [502],
    reason: 'a 101 to a request that asked for no upgrade is an error of the upstream; Envoy passes it on',
  },
  {
    rows: ['match: a fragment is no part of the path'],
    differs: everything,
    status: [200],
    reason: 'a fragment is cut off, as under Istio; Envoy by itself refuses it with 400',
  },
  {
    rows: ['rewrite: redirect replaces the prefix', 'rewrite: redirect by regex'],
    differs: ['log.path', 'log.original_path'],
    reason: 'the log of a redirect says the path that was asked for; Envoy logs that of the location',
  },
  {
    rows: ['rewrite: redirect of a HEAD', 'messages: HEAD of chunks'],
    differs: ['client.responses.fields'],
    reason: 'an answer to HEAD says nothing of chunks that are not sent',
  },
  {
    rows: ['rewrite: a direct 204', 'rewrite: a direct 304'],
    differs: ['client', 'log.content_type', 'log.sent'],
    reason:
      'a 204 and a 304 have no body (RFC 9110 15.3.5, 15.4.5); Envoy sends the configured one, which spoils the connection',
  },
  {
    rows: ['headers: hop-by-hop headers of an answer'],
    differs: ['client.responses.fields'],
    reason: 'what the Connection header of an answer names stays on that connection (RFC 9110 7.6.1)',
  },
  {
    rows: ['headers: the edge passes no trailers on'],
    differs: ['upstream.trailers'],
    reason: 'trailers are always passed on; Envoy drops them unless enable_trailers is set',
  },
  {
    rows: ['retry: a reset in the body is not retried'],
    differs: ['log.flags', 'log.details'],
    reason: 'a reset is logged as such (UC); Envoy calls it a protocol error (UPE)',
  },
  {
    rows: ['limits: no request may wait for a connection'],
    differs: ['log.upstream'],
    reason: 'the log names the endpoint that was chosen, even if no connection to it was allowed',
  },
  {
    rows: ['messages: a reason is not passed on as it is'],
    differs: ['client.responses.start'],
    reason: 'the reason phrase of the upstream is passed on; Envoy writes its own',
  },
  {
    rows: ['messages: another expectation'],
    differs: everything,
    status: [417],
    reason: 'an expectation other than 100-continue is 417 (RFC 9110 10.1.1); Envoy forwards it',
  },
  {
    rows: ['messages: early hints'],
    differs: ['client'],
    status: [103, 200],
    reason: 'informational answers are passed on (RFC 9110 15.2); Envoy drops them',
  },
  {
    rows: ['messages: a 102 before the answer'],
    differs: ['client'],
    status: [102, 200],
    reason: 'informational answers are passed on (RFC 9110 15.2); Envoy drops them',
  },
  {
    rows: ['messages: an upgrade that the upstream does not take'],
    differs: ['client', 'log.details', 'log.sent'],
    status: [200],
    reason: 'an answer without an upgrade goes down as it is; Envoy 1.40 drops its body and closes',
  },
  {
    rows: ['messages: an upgrade that is not allowed'],
    differs: ['client.responses.fields'],
    reason: 'a refused upgrade leaves the connection open, as nothing was switched',
  },
  {
    rows: ['messages: CONNECT'],
    differs: ['client.responses.fields', 'log.path'],
    reason: 'the log of a CONNECT says the target, and the refused connection stays open',
  },
  {
    rows: ['messages: HTTP/1.0 is refused'],
    differs: everything,
    status: [200],
    reason: 'HTTP/1.0 is always served; Envoy says 426 unless accept_http_10 is set',
  },
  {
    rows: [
      'messages: HTTP/1.0 is served',
      'messages: HTTP/1.0 with keep-alive',
      'messages: HTTP/1.0 and an answer in chunks',
    ],
    differs: ['client.responses.start'],
    reason: 'answers name our own version, HTTP/1.1 (RFC 9110 2.5)',
  },
  {
    rows: ['messages: HTTP/1.0 without a host'],
    differs: ['client.responses.start', 'log.details', 'log.flags', 'log.status'],
    reason: 'HTTP/1.0 needs no Host: no virtual host is 404 as ever; Envoy says 400',
  },
  {
    rows: ['tunnels: the upstream refuses', 'tunnels: there is no upstream'],
    differs: ['log.details'],
    reason: 'the log of a TCP connection says why it ended, beside the flag; Envoy has no details for TCP',
  },
];
