/** Bytes that are not quite HTTP, from clients and from upstreams. */
import { route, virtualHost } from '../bootstrap.ts';
import type { Answer, Case, Feature } from '../case.ts';
import { raw, request } from '../case.ts';

const name = 'malformed';
const host = 'malformed.test';
const get = (path: string, ...lines: string[]) => request(`GET ${path}`, host, lines);
const post = (lines: readonly string[], body: string) => request('POST /', host, lines, body);
const bad = (title: string, send: string): Case => ({ name: `request: ${title}`, send });
const answer = (title: string, ...lines: readonly string[]): Case => ({
  name: `answer: ${title}`,
  send: get('/'),
  upstream: [{ kind: 'raw', bytes: lines.join('\r\n'), ending: 'close' } satisfies Answer],
  logLines: 1,
});
const chunked = 'Transfer-Encoding: chunked';

export const malformed: Feature = {
  name,
  virtualHosts: [virtualHost(name, [route('/')])],
  cases: [
    bad('no HTTP', 'hello there\r\n\r\n'),
    bad('no version', 'GET /\r\n\r\n'),
    bad('another version', 'GET / HTTP/3.0\r\nHost: malformed.test\r\n\r\n'),
    bad('no host', request('GET /', '')),
    bad('an empty host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'),
    bad('two hosts', get('/', 'Host: other.test')),
    bad('a host with a blank', request('GET /', 'mal formed.test')),
    bad('an unknown method', request('FROB /', host)),
    bad('a method in small letters', request('get /', host)),
    bad('length and chunks', post(['content-length: 3', chunked], '0\r\n\r\n')),
    bad('two lengths', post(['content-length: 3', 'content-length: 4'], 'abcd')),
    bad('the same length twice', post(['content-length: 3', 'content-length: 3'], 'abc')),
    bad('a length that is no number', post(['content-length: 3x'], 'abc')),
    bad('a negative length', post(['content-length: -3'], 'abc')),
    bad('an unknown coding', post(['transfer-encoding: gzip'], 'abc')),
    bad('chunks, then another coding', post(['transfer-encoding: chunked, gzip'], '0\r\n\r\n')),
    bad('a chunk size that is no number', post([chunked], 'zz\r\nabc\r\n0\r\n\r\n')),
    bad('a chunk that is too long', post([chunked], '3\r\nabcdef\r\n0\r\n\r\n')),
    bad('a blank before the colon', get('/', 'x-a : 1')),
    bad('a name with a bad letter', get('/', 'x[a: 1')),
    bad('a line without a colon', get('/', 'nonsense')),
    bad('a NUL in a value', get('/', 'x-a: a\0b')),
    bad('a folded header', get('/', 'x-a: one', ' two')),
    bad('bare line feeds', 'GET / HTTP/1.1\nHost: malformed.test\n\n'),
    bad('an underscore in a name', get('/', 'x_a: 1')),
    bad('too many headers', get('/', ...Array.from({ length: 120 }, (_, i) => `x-${i}: 1`))),
    bad('a head that is too large', get('/', `x-a: ${'v'.repeat(70_000)}`)),
    bad('letters beyond ASCII in a value', get('/', 'x-a: \u00e9')),
    bad('a blank in the target', 'GET /a b HTTP/1.1\r\nHost: malformed.test\r\n\r\n'),
    bad('empty lines before the request', `\r\n\r\n${get('/')}`),
    answer('no HTTP', 'hello there', '', ''),
    answer('a status that is no number', 'HTTP/1.1 2x0 OK', 'content-length: 0', '', ''),
    answer('length and chunks', 'HTTP/1.1 200 OK', 'content-length: 3', chunked, '', '3', 'abc', '0', '', ''),
    answer('two lengths', 'HTTP/1.1 200 OK', 'content-length: 3', 'content-length: 4', '', 'abcd'),
    answer('a length that is no number', 'HTTP/1.1 200 OK', 'content-length: x', '', 'abcd'),
    answer('a body that is too short', 'HTTP/1.1 200 OK', 'content-length: 10', '', 'half'),
    answer('a chunk size that is no number', 'HTTP/1.1 200 OK', chunked, '', 'zz', 'abc', '0', '', ''),
    answer('a line without a colon', 'HTTP/1.1 200 OK', 'nonsense', 'content-length: 0', '', ''),
    answer('a blank before the colon', 'HTTP/1.1 200 OK', 'x-a : 1', 'content-length: 0', '', ''),
    answer('a NUL in a value', 'HTTP/1.1 200 OK', 'x-a: a\0b', 'content-length: 0', '', ''),
    answer('a head that is too large', 'HTTP/1.1 200 OK', `x-a: ${'v'.repeat(70_000)}`, 'content-length: 0', '', ''),
    answer(
      'too many headers',
      'HTTP/1.1 200 OK',
      ...Array.from({ length: 120 }, (_, i) => `x-${i}: 1`),
      'content-length: 0',
      '',
      '',
    ),
    {
      name: 'answer: bare line feeds',
      send: get('/'),
      upstream: [raw('HTTP/1.1 200 OK\nx-a: 1\ncontent-length: 2\n\nok')],
    },
    answer('a folded header', 'HTTP/1.1 200 OK', 'x-a: one', ' two', 'content-length: 0', '', ''),
    answer('nothing at all'),
    answer('half a head', 'HTTP/1.1 200 OK', 'content-len'),
    answer(
      'an upgrade that nobody asked for',
      'HTTP/1.1 101 Switching Protocols',
      'connection: upgrade',
      'upgrade: websocket',
      '',
      '',
    ),
    answer('more than its length', 'HTTP/1.1 200 OK', 'content-length: 2', '', 'okmore'),
  ],
};
