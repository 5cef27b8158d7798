import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readRequests } from './messages.fixture.ts';

const get = (lines: string) => `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
const target = (line: string) => `${line}\r\nHost: a.example\r\n\r\n`;

describe('requests that are refused', () => {
  const table: [name: string, text: string, status: number][] = [
    ['unknown method', 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['method in lower case', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['two spaces before the target', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['two spaces before the version', 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['blank behind the version', 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n', 400],
    ['tab for a space', 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['leading blank', ' GET / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['no version', 'GET /\r\nHost: a\r\n\r\n', 400],
    ['version in lower case', 'GET / http/1.1\r\nHost: a\r\n\r\n', 400],
    ['version without minor', 'GET / HTTP/1\r\nHost: a\r\n\r\n', 400],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    ['HTTP/0.9', 'GET / HTTP/0.9\r\nHost: a\r\n\r\n', 505],
    ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', 505],
    ['no target', 'GET HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['space in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['target without a slash', target('GET a HTTP/1.1'), 400],
    ['asterisk for GET', target('GET * HTTP/1.1'), 400],
    ['octet above ASCII in the target', target('GET /\xc3\xa9 HTTP/1.1'), 400],
    ['control in the target', target('GET /\x01 HTTP/1.1'), 400],
    ['other scheme', target('GET ftp://a/ HTTP/1.1'), 400],
    ['userinfo in the target', target('GET http://user@a/ HTTP/1.1'), 400],
    ['absolute form without a host', target('GET http:///x HTTP/1.1'), 400],
    ['CONNECT without a port', target('CONNECT a.example HTTP/1.1'), 400],
    ['CONNECT with an empty port', target('CONNECT a.example: HTTP/1.1'), 400],
    ['CONNECT with a port out of range', target('CONNECT a.example:65536 HTTP/1.1'), 400],
    ['CONNECT in origin form', target('CONNECT /a HTTP/1.1'), 400],
    ['CONNECT with a body', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx', 400],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', get('Host: a\r\n'), 400],
    ['Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
    ['Host with userinfo', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n', 400],
    ['Host with a blank', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
    ['Host with a bad port', 'GET / HTTP/1.1\r\nHost: a:x\r\n\r\n', 400],
    ['Host with an open bracket', 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n', 400],
    ['blank before the colon', get('X : 1\r\n'), 400],
    ['empty name', get(': 1\r\n'), 400],
    ['line without a colon', get('X\r\n'), 400],
    ['name with a slash', get('X/Y: 1\r\n'), 400],
    ['name above ASCII', get('X\xe9: 1\r\n'), 400],
    ['folded line', get('X: 1\r\n 2\r\n'), 400],
    ['fold behind the request line', 'GET / HTTP/1.1\r\n X: 1\r\nHost: a\r\n\r\n', 400],
    ['bare LF behind a field', get('X: 1\nY: 2\r\n'), 400],
    ['bare LF behind the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
    ['bare CR behind the request line', 'GET / HTTP/1.1\rxHost: a\r\n\r\n', 400],
    ['bare CR in a value', get('X: 1\rY: 2\r\n'), 400],
    ['NUL in a value', get('X: a\0b\r\n'), 400],
    ['DEL in a value', get('X: a\x7fb\r\n'), 400],
    ['Content-Length and Transfer-Encoding', get('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'), 400],
    ['different Content-Lengths', get('Content-Length: 1\r\nContent-Length: 2\r\n'), 400],
    ['Content-Length as a list', get('Content-Length: 1, 1\r\n'), 400],
    ['Content-Length with a sign', get('Content-Length: +1\r\n'), 400],
    ['negative Content-Length', get('Content-Length: -1\r\n'), 400],
    ['hexadecimal Content-Length', get('Content-Length: 0x1\r\n'), 400],
    ['Content-Length with a fraction', get('Content-Length: 1.0\r\n'), 400],
    ['empty Content-Length', get('Content-Length: \r\n'), 400],
    ['huge Content-Length', get('Content-Length: 18446744073709551617\r\n'), 400],
    ['unknown coding', get('Transfer-Encoding: gzip\r\n'), 501],
    ['unknown coding before chunked', get('Transfer-Encoding: gzip, chunked\r\n'), 501],
    ['identity', get('Transfer-Encoding: identity\r\n'), 501],
    ['chunked not last', get('Transfer-Encoding: chunked, gzip\r\n'), 400],
    ['chunked twice', get('Transfer-Encoding: chunked, chunked\r\n'), 400],
    ['chunked twice on two lines', get('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'), 400],
    ['chunked and another line', get('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n'), 400],
    ['empty Transfer-Encoding', get('Transfer-Encoding: \r\n'), 400],
    ['chunked in quotes', get('Transfer-Encoding: "chunked"\r\n'), 400],
    ['chunked with a control before it', get('Transfer-Encoding: \x0bchunked\r\n'), 400],
    ['chunked with a parameter', get('Transfer-Encoding: chunked;q=1\r\n'), 400],
    ['Transfer-Encoding in 1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['malformed Connection', get('Connection: a b\r\n'), 400],
    ['other expectation', get('Expect: 200-ok\r\n'), 417],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01', 400],
    ['101 fields', get(Array.from({ length: 100 }, (_, i) => `x-${i}: 1\r\n`).join('')), 431],
    ['61 KiB', get(`x: ${'a'.repeat(61 * 1024)}\r\n`), 431],
  ];
  for (const [name, text, status] of table) {
    it(`${name}: ${status}`, () => {
      const read = readRequests(text);
      assert.deepEqual([read.messages.length, read.status], [0, status], read.fault ?? 'no fault');
    });
  }
});

describe('requests that are taken', () => {
  const headOf = (text: string, lenient = false) => {
    const read = readRequests(text, { lenient });
    assert.equal(read.fault, null);
    return read.messages[0]!.head;
  };

  it('origin form, fragment cut off', () => {
    const head = headOf('GET /a?b=c#d HTTP/1.1\r\nHost: x.example:8080\r\n\r\n');
    assert.deepEqual(
      [head.method, head.path, head.authority, head.scheme, head.version, head.isAbsoluteForm],
      ['GET', '/a?b=c', 'x.example:8080', 'http', 'HTTP/1.1', false],
    );
  });

  const absolute: [line: string, path: string, authority: string, scheme: string][] = [
    ['GET http://b.example/p?q HTTP/1.1', '/p?q', 'b.example', 'http'],
    ['GET HTTPS://b.example:444 HTTP/1.1', '/', 'b.example:444', 'https'],
    ['GET http://b.example?x HTTP/1.1', '/?x', 'b.example', 'http'],
    ['GET http://b.example#f HTTP/1.1', '/', 'b.example', 'http'],
    ['OPTIONS http://b.example HTTP/1.1', '*', 'b.example', 'http'],
    ['GET http://[::1]:80/ HTTP/1.1', '/', '[::1]:80', 'http'],
  ];
  for (const [line, path, authority, scheme] of absolute) {
    it(`absolute form overrides Host: ${line}`, () => {
      const head = headOf(target(line));
      assert.deepEqual([head.path, head.authority, head.scheme, head.isAbsoluteForm], [path, authority, scheme, true]);
    });
  }

  it('authority form and asterisk form', () => {
    const connect = headOf(target('CONNECT b.example:443 HTTP/1.1'));
    assert.deepEqual([connect.path, connect.authority], ['b.example:443', 'b.example:443']);
    assert.equal(headOf(target('OPTIONS * HTTP/1.1')).path, '*');
  });

  it('empty lines before the request line', () => {
    assert.equal(headOf('\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n').path, '/');
  });

  it('empty Host, and none in HTTP/1.0', () => {
    assert.equal(headOf('GET / HTTP/1.1\r\nHost:\r\n\r\n').authority, '');
    assert.equal(headOf('GET / HTTP/1.0\r\n\r\n').authority, '');
  });

  it('fields: order, duplicates and obs-text stay, blanks around values go, names are lower case', () => {
    const head = headOf(get('X-B: 1\r\nx_a:\t 2 \t\r\nX-b: \xfc\r\nEmpty:\r\n'));
    assert.deepEqual(head.headers.entries(), [
      ['x-b', '1'],
      ['x_a', '2'],
      ['x-b', '\xfc'],
      ['empty', ''],
    ]);
  });

  it('fields of the connection do not travel on, nor those that Connection names', () => {
    const lines =
      'Connection: close, X-Hop, Content-Length\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\nProxy-Connection: x\r\n' +
      'TE: gzip, trailers\r\nUpgrade: foo\r\nHTTP2-Settings: x\r\nContent-Length: 003\r\nContent-Length: 3\r\nY: 1\r\n';
    const read = readRequests(`${get(lines)}abc`);
    assert.deepEqual(read.messages[0]?.head.headers.entries(), [
      ['content-length', '3'],
      ['y', '1'],
      ['te', 'trailers'],
    ]);
    assert.equal(read.messages[0]?.body, 'abc');
  });

  it('TE: trailers stays, alone', () => {
    assert.deepEqual(headOf(get('TE: trailers\r\nTE: trailers\r\n')).headers.entries(), [['te', 'trailers']]);
    assert.deepEqual(headOf(get('TE: trailers\r\nTE: gzip\r\n')).headers.entries(), [['te', 'trailers']]);
    assert.deepEqual(headOf(get('TE: gzip\r\n')).headers.entries(), []);
    // As HTTP/2 wants it (RFC 9113 8.2.2); and a no-break space is no blank.
    assert.deepEqual(headOf(get('TE: Trailers\r\n')).headers.entries(), [['te', 'trailers']]);
    assert.deepEqual(headOf(get('TE: trailers\xa0\r\n')).headers.entries(), []);
  });

  it('upgrades, but not to h2c, not in HTTP/1.0, not unless Connection says so, not with a body', () => {
    const upgrade = (lines: string) => headOf(get(lines)).upgrade;
    assert.equal(upgrade('Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n'), 'WebSocket');
    assert.equal(upgrade('Connection: upgrade\r\nUpgrade: h2c\r\n'), null);
    assert.equal(upgrade('Upgrade: websocket\r\n'), null);
    assert.equal(upgrade('Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n'), null);
    assert.equal(headOf('GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n').upgrade, null);
  });

  it('Expect: 100-continue with a body is noted and does not travel as a field', () => {
    const head = headOf(get('Expect: 100-Continue\r\nContent-Length: 3\r\n'));
    assert.deepEqual([head.expectsContinue, head.headers.has('expect'), head.contentLength], [true, false, 3]);
  });

  it('persistence: 1.1 unless close, 1.0 only with keep-alive', () => {
    const follows = (first: string) => readRequests(`${first}GET / HTTP/1.1\r\nHost: a\r\n\r\n`).messages.length;
    assert.equal(follows('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), 2);
    assert.equal(follows('GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n'), 1);
    assert.equal(follows('GET / HTTP/1.0\r\n\r\n'), 1);
    assert.equal(follows('GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n'), 2);
  });

  it('100 fields and nearly 60 KiB are taken', () => {
    const many = Array.from({ length: 99 }, (_, i) => `x-${i}: ${'a'.repeat(590)}\r\n`).join('');
    assert.equal(headOf(get(many)).headers.size, 99);
  });
});

describe('the lenient mode', () => {
  it('joins folded lines by a space and takes LF for a line end', () => {
    const read = readRequests('GET / HTTP/1.1\nHost: a\nX: 1 \r\n\t 2\n  3\nY: \n \n4:5\n\n', { lenient: true });
    assert.equal(read.fault, null);
    assert.deepEqual(read.messages[0]?.head.headers.entries(), [
      ['x', '1  2 3'],
      ['y', ''],
      ['4', '5'],
    ]);
  });

  it('reads a head that comes in one piece as one that comes in two', () => {
    const regular = get('X: 1\r\nY:\t2 \r\n');
    const texts = [
      regular,
      get('X: 1\n'),
      get('X: 1\r\n 2\r\n'),
      get('X: 1\r\n\t2\n'),
      get('X: \0\r\n'),
      get('X: 1\rY\r\n'),
    ];
    const seen = (text: string, cuts: readonly number[]) => {
      const { messages, fault, status } = readRequests(text, { lenient: true, cuts });
      return { fields: messages.map(({ head }) => head.headers.entries()), fault, status };
    };
    for (const text of texts)
      for (let cut = 1; cut < text.length; cut++) assert.deepEqual(seen(text, [cut]), seen(text, []));
  });

  it('joins Host lines by a comma', () => {
    assert.equal(readRequests(get('Host: b\r\n'), { lenient: true }).messages[0]?.head.authority, 'a,b');
  });

  it('still refuses a bare CR, a NUL, and a fold behind the request line', () => {
    for (const text of [get('X: 1\rY\r\n'), get('X: \0\r\n'), 'GET / HTTP/1.1\n X: 1\nHost: a\n\n']) {
      assert.equal(readRequests(text, { lenient: true }).status, 400);
    }
  });
});
