import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readResponse } from './messages.fixture.ts';

const ok = (lines: string, body = '') => `HTTP/1.1 200 OK\r\n${lines}\r\n${body}`;

describe('responses that are refused', () => {
  const table: [name: string, text: string][] = [
    ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['version in lower case', 'http/1.1 200 OK\r\n\r\n'],
    ['two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['status below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
    ['signed status', 'HTTP/1.1 +20 OK\r\n\r\n'],
    ['two spaces', 'HTTP/1.1  200 OK\r\n\r\n'],
    ['control in the reason', 'HTTP/1.1 200 O\x01K\r\n\r\n'],
    ['bare LF', 'HTTP/1.1 200 OK\nX: 1\r\n\r\n'],
    ['bare CR behind the status line', 'HTTP/1.1 200 OK\rxContent-Length: 0\r\n\r\n'],
    ['empty line first', '\r\nHTTP/1.1 200 OK\r\n\r\n'],
    ['folded line', ok('X: 1\r\n 2\r\n')],
    ['blank before the colon', ok('X : 1\r\n')],
    ['Content-Length and Transfer-Encoding', ok('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n')],
    ['different Content-Lengths', ok('Content-Length: 1\r\nContent-Length: 2\r\n')],
    ['negative Content-Length', ok('Content-Length: -1\r\n')],
    ['Content-Length as a list', ok('Content-Length: 1, 2\r\n')],
    ['unknown coding', ok('Transfer-Encoding: gzip, chunked\r\n')],
    ['chunked twice', ok('Transfer-Encoding: chunked, chunked\r\n')],
    ['Transfer-Encoding in 1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'.padEnd(70_000, 'x')],
  ];
  for (const [name, text] of table) {
    it(name, () => {
      const read = readResponse(text);
      assert.equal(read.head, null);
      assert.notEqual(read.fault, null);
    });
  }
});

describe('responses that are taken', () => {
  it('by length, the rest is not theirs', () => {
    const read = readResponse(ok('Content-Length: 3\r\nX: 1\r\n', 'abcHTTP'));
    assert.deepEqual([read.body, read.isComplete, read.rest, read.isPersistent], ['abc', true, 'HTTP', true]);
    assert.deepEqual([read.head.status, read.head.reason, read.head.contentLength], [200, 'OK', 3]);
  });

  it('chunked', () => {
    const read = readResponse(ok('transfer-encoding: Chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'));
    assert.deepEqual([read.body, read.isComplete, read.head.contentLength], ['abc', true, -1]);
    assert.equal(read.head.headers.has('transfer-encoding'), false);
  });

  it('until the connection closes', () => {
    const read = readResponse(ok('', 'abc'), { isClosed: true });
    assert.deepEqual([read.body, read.isComplete, read.isPersistent, read.fault], ['abc', true, false, null]);
  });

  it('cut short is a fault, by length and chunked', () => {
    assert.match(readResponse(ok('Content-Length: 3\r\n', 'ab'), { isClosed: true }).fault ?? '', /middle/);
    const chunked = readResponse(ok('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n'), { isClosed: true });
    assert.match(chunked.fault ?? '', /middle/);
  });

  for (const [status, method, declared] of [
    [200, 'HEAD', 5],
    [304, 'GET', 5],
    [204, 'GET', 0],
    [103, 'GET', 0],
    [200, 'CONNECT', 5],
  ] as const) {
    it(`${status} to ${method} has no body, whatever it says`, () => {
      const read = readResponse(`HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\nabcde`, { method });
      assert.deepEqual([read.isComplete, read.body, read.rest, read.head.contentLength], [true, '', 'abcde', declared]);
    });
  }

  it('HTTP/1.0 persists only with keep-alive', () => {
    const zero = (lines: string) => readResponse(`HTTP/1.0 200 OK\r\nContent-Length: 0\r\n${lines}\r\n`).isPersistent;
    assert.deepEqual([zero(''), zero('Connection: keep-alive\r\n')], [false, true]);
  });

  it('an empty reason, with and without its blank', () => {
    for (const line of ['HTTP/1.1 299 ', 'HTTP/1.1 299']) {
      const read = readResponse(`${line}\r\nContent-Length: 0\r\n\r\n`);
      assert.deepEqual([read.head.status, read.head.reason], [299, '']);
    }
  });
});
