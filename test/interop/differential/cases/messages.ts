/** Framing, both ways: bodies, trailers, keep-alive, pipelining, upgrades, informational answers, HTTP/1.0. */
import { route, virtualHost } from '../bootstrap.ts';
import type { Answer, Case, Feature } from '../case.ts';
import { raw, request, response } from '../case.ts';

const name = 'messages';
const host = 'messages.test';
const get = (path: string, ...lines: string[]) => request(`GET ${path}`, host, lines);
const row = (title: string, send: string | Buffer, ...upstream: Answer[]): Case =>
  upstream.length === 0 ? { name: title, send } : { name: title, send, upstream };
const websocket = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Sec-WebSocket-Version: 13'];
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello ';
const chunked = 'Transfer-Encoding: chunked';
const old = (title: string, send: string, ...upstream: Answer[]): Case => ({
  ...row(title, send, ...upstream),
  listener: 'http10',
});

export const messages: Feature = {
  name,
  virtualHosts: [virtualHost(name, [route('/')])],
  cases: [
    row('a plain request', get('/')),
    row('HEAD with a length', request('HEAD /', host), raw('HTTP/1.1 200 OK', 'Content-Length: 5', '', '')),
    row('HEAD of chunks', request('HEAD /', host), raw('HTTP/1.1 200 OK', chunked, '', '')),
    row('204', get('/'), raw('HTTP/1.1 204 No Content', 'x: 1', '', '')),
    row('304 with a length', get('/'), raw('HTTP/1.1 304 Not Modified', 'Content-Length: 7', 'ETag: "x"', '', '')),
    row('205', get('/'), raw('HTTP/1.1 205 Reset Content', 'Content-Length: 0', '', '')),
    row('an empty answer', get('/'), response(200)),
    row('a reason is not passed on as it is', get('/'), raw('HTTP/1.1 299 Odd Reason', 'Content-Length: 0', '', '')),
    row('a body of chunks', request('POST /', host, [chunked], '3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n')),
    row(
      'trailers of a request',
      request('POST /', host, [chunked, 'Trailer: x-end'], '3\r\nabc\r\n0\r\nx-end: 1\r\n\r\n'),
    ),
    row('an answer in chunks', get('/'), raw('HTTP/1.1 200 OK', chunked, '', '4', 'abcd', '0', '', '')),
    row(
      'trailers of an answer',
      get('/', 'TE: trailers'),
      raw('HTTP/1.1 200 OK', chunked, '', '4', 'abcd', '0', 'x-end: 1', '', ''),
    ),
    row('an answer until the end of the connection', get('/'), {
      kind: 'raw',
      bytes: 'HTTP/1.1 200 OK\r\n\r\nuntil the end',
      ending: 'close',
    }),
    row('an answer of HTTP/1.0', get('/'), { kind: 'raw', bytes: 'HTTP/1.0 200 OK\r\n\r\nold', ending: 'close' }),
    row('a large body up', request('POST /', host, ['content-length: 3000000'], 'u'.repeat(3_000_000))),
    row('a large body down', get('/'), response(200, [], 'd'.repeat(3_000_000))),
    row('a body with GET', request('GET /', host, ['content-length: 3'], 'abc')),
    row('a POST without a length', request('POST /', host)),
    row('an answer before the request is whole', request('POST /', host, ['content-length: 3'], 'abc'), {
      kind: 'raw',
      bytes: 'HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
      after: 'head',
    }),
    {
      name: 'Expect: 100-continue',
      send: [{ bytes: request('PUT /', host, ['Expect: 100-continue', 'content-length: 4']), afterInterim: 'body' }],
    },
    row('another expectation', request('PUT /', host, ['Expect: 200-ok', 'content-length: 2'], 'ab')),
    row(
      'early hints',
      get('/'),
      raw('HTTP/1.1 103 Early Hints', 'link: </x>', '', 'HTTP/1.1 200 OK', 'content-length: 2', '', 'ok'),
    ),
    row(
      'a 102 before the answer',
      get('/'),
      raw('HTTP/1.1 102 Processing', '', 'HTTP/1.1 200 OK', 'content-length: 2', '', 'ok'),
    ),
    row(
      'a 100 that nobody asked for',
      get('/'),
      raw('HTTP/1.1 100 Continue', '', 'HTTP/1.1 200 OK', 'content-length: 2', '', 'ok'),
    ),
    { name: 'keep-alive', send: [{ bytes: get('/1') + get('/2'), responses: 2 }] },
    {
      name: 'pipelining is answered in order',
      send: [{ bytes: get('/slow') + get('/fast') + get('/last'), responses: 3 }],
      upstream: [
        { kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow', delayMs: 50 },
        response(200, [], 'fast'),
        response(404),
      ],
    },
    { name: 'Connection: close of the client', send: [{ bytes: get('/', 'Connection: close'), responses: 2 }] },
    row('Connection: close of the upstream stays there', get('/'), response(200, ['Connection: close'], 'bye')),
    {
      name: 'a websocket',
      send: [{ bytes: get('/', ...websocket), afterInterim: 'ping', untilText: 'hello ping' }],
      upstream: [{ kind: 'echo', bytes: switching }],
    },
    row('an upgrade that the upstream does not take', get('/', ...websocket), response(200, [], 'no')),
    row('an upgrade that is not allowed', get('/', 'Connection: Upgrade', 'Upgrade: other'), response(200, [], 'no')),
    row(
      'an upgrade to h2c',
      get('/', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'),
    ),
    row('CONNECT', request('CONNECT there:443', 'there:443')),
    {
      name: 'a client that hangs up',
      send: [{ bytes: get('/'), hangsUp: true }],
      upstream: [{ kind: 'silence' }],
      logLines: 1,
    },
    {
      name: 'a client that ends half a body',
      send: [{ bytes: request('POST /', host, ['content-length: 9'], 'half'), hangsUp: true }],
      upstream: [{ kind: 'silence' }],
      logLines: 1,
    },
    row('HTTP/1.0 is refused', 'GET / HTTP/1.0\r\nHost: messages.test\r\n\r\n'),
    old('HTTP/1.0 is served', 'GET / HTTP/1.0\r\nHost: messages.test\r\n\r\n'),
    old('HTTP/1.0 without a host', 'GET / HTTP/1.0\r\n\r\n'),
    old('HTTP/1.0 with keep-alive', 'GET / HTTP/1.0\r\nHost: messages.test\r\nConnection: keep-alive\r\n\r\n'),
    old(
      'HTTP/1.0 and an answer in chunks',
      'GET / HTTP/1.0\r\nHost: messages.test\r\n\r\n',
      raw('HTTP/1.1 200 OK', chunked, '', '4', 'abcd', '0', '', ''),
    ),
  ],
};
