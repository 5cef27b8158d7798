/** What only HTTP/2 can say: pseudo-headers, fields that it forbids, bodies without a length. */
import { route, virtualHost } from '../bootstrap.ts';
import type { Case, Feature } from '../case.ts';
import { response } from '../case.ts';

const name = 'http2';
type Field = readonly [name: string, value: string];

const method: Field = [':method', 'GET'];
const scheme: Field = [':scheme', 'http'];
const path: Field = [':path', '/'];
const authority: Field = [':authority', 'http2.test'];
const post: readonly Field[] = [[':method', 'POST'], scheme, path, authority];

const row = (title: string, fields: readonly Field[], bytes = ''): Case => ({ name: title, send: [{ fields, bytes }] });
const get = (title: string, ...fields: readonly Field[]) => row(title, [method, scheme, path, authority, ...fields]);
/** A request that is malformed: its stream or its connection ends, and one line is in the log. */
const bad = (title: string, fields: readonly Field[], bytes = ''): Case => ({
  ...row(`malformed: ${title}`, fields, bytes),
  logLines: 1,
});
const badGet = (title: string, ...fields: readonly Field[]) => bad(title, [method, scheme, path, authority, ...fields]);

export const http2: Feature = {
  name,
  virtualHosts: [virtualHost(name, [route('/')])],
  cases: [
    get('a plain request'),
    row('pseudo-headers in another order', [authority, path, scheme, method]),
    row('a host in place of an authority', [method, scheme, path, ['host', 'http2.test']]),
    get('a host that is the authority', ['host', 'http2.test']),
    row('the scheme of another connection', [method, [':scheme', 'https'], path, authority]),
    row('a body without a length', post, 'abc'),
    row('a body with a length', [...post, ['content-length', '3']], 'abc'),
    row('a POST without a body', post),
    row('a GET with a body and no length', [method, scheme, path, authority], 'abc'),
    row('a DELETE with a body and no length', [[':method', 'DELETE'], scheme, path, authority], 'abc'),
    row('an unknown method with a body and no length', [[':method', 'FROB'], scheme, path, authority], 'abc'),
    row('a HEAD', [[':method', 'HEAD'], scheme, path, authority]),
    get('cookies in several fields', ['cookie', 'a=1'], ['cookie', 'b=2']),
    get('a field twice', ['x-a', '1'], ['x-a', '2']),
    get('an empty value', ['x-a', '']),
    get('te: trailers', ['te', 'trailers']),
    get('an underscore in a name', ['x_a', '1']),
    get('letters beyond ASCII in a value', ['x-a', '\u00e9']),
    row('OPTIONS of the server', [[':method', 'OPTIONS'], scheme, [':path', '*'], authority]),
    row('a path with a query', [method, scheme, [':path', '/a?b=c'], authority]),
    row('a fragment', [method, scheme, [':path', '/a#b'], authority]),
    row('a CONNECT', [
      [':method', 'CONNECT'],
      [':authority', 'there:443'],
    ]),
    row('an authority with a port', [method, scheme, path, [':authority', 'http2.test:80']]),
    {
      name: 'many requests side by side',
      send: [
        { bytes: Array.from({ length: 20 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: http2.test\r\n\r\n`).join('') },
      ],
      upstream: [response(200, [], 'one of many')],
      logLines: 20,
    },
    get('too many fields', ...Array.from({ length: 120 }, (_, i): Field => [`x-${i}`, '1'])),
    get('a head that is too large', ['x-a', 'v'.repeat(70_000)]),
    badGet('a pseudo-header behind a field', ['x-a', '1'], [':path', '/']),
    badGet('a pseudo-header twice', [':path', '/other']),
    badGet('an unknown pseudo-header', [':unknown', 'x']),
    badGet('a pseudo-header of an answer', [':status', '200']),
    bad('no method', [scheme, path, authority]),
    bad('no path', [method, scheme, authority]),
    bad('an empty path', [method, scheme, [':path', ''], authority]),
    bad('a path that is no path', [method, scheme, [':path', 'x'], authority]),
    bad('an absolute form', [method, scheme, [':path', 'http://http2.test/'], authority]),
    bad('a blank in the path', [method, scheme, [':path', '/a b'], authority]),
    bad('no scheme', [method, path, authority]),
    bad('another scheme', [method, [':scheme', 'ftp'], path, authority]),
    bad('neither authority nor host', [method, scheme, path]),
    badGet('another host than the authority', ['host', 'other.test']),
    bad('user and password', [method, scheme, path, [':authority', 'user@http2.test']]),
    bad('a method with a blank', [[':method', 'GE T'], scheme, path, authority]),
    bad('a CONNECT with a path', [[':method', 'CONNECT'], scheme, path, [':authority', 'there:443']]),
    badGet('a name in capitals', ['X-A', '1']),
    badGet('a name with a blank', ['x a', '1']),
    badGet('an empty name', ['', '1']),
    badGet('CR and LF in a value', ['x-a', 'a\r\nx-b: c']),
    badGet('NUL in a value', ['x-a', 'a\0b']),
    badGet('blanks around a value', ['x-a', ' a ']),
    badGet('connection', ['connection', 'close']),
    badGet('keep-alive', ['keep-alive', 'timeout=5']),
    badGet('proxy-connection', ['proxy-connection', 'close']),
    badGet('upgrade', ['upgrade', 'websocket']),
    badGet('te: gzip', ['te', 'gzip']),
    bad('transfer-encoding', [...post, ['transfer-encoding', 'chunked']], '3\r\nabc\r\n0\r\n\r\n'),
    bad('more body than its length', [...post, ['content-length', '2']], 'abc'),
    bad('less body than its length', [...post, ['content-length', '4']], 'abc'),
    bad('a length without a body', [...post, ['content-length', '4']]),
    bad('two lengths', [...post, ['content-length', '3'], ['content-length', '4']], 'abc'),
    bad('a length that is no number', [...post, ['content-length', '+3']], 'abc'),
    row('the same length twice', [...post, ['content-length', '3'], ['content-length', '3']], 'abc'),
  ],
};
