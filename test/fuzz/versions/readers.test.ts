import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { differenceOf, type Message } from './message.ts';
import { meaningOf } from './http2-requests.ts';
import { readRequests } from './request-reader.ts';
import { readResponses } from './response-reader.ts';

const post = 'POST /a HTTP/1.1\r\nHost: b\r\nX-One: 1\r\nConnection: x-hop\r\nX-Hop: 2\r\n';

describe('the reference reader of requests', () => {
  it('reads messages one after the other, without what is of the connection', () => {
    const octets = `${post}Content-Length: 2\r\n\r\nhi${post}Transfer-Encoding: chunked\r\n\r\n2;a="b"\r\nhi\r\n0\r\nT: 1\r\n\r\n`;
    const { messages, end } = readRequests(octets);
    const common = { method: 'POST', path: '/a', authority: 'b', fields: [['x-one', '1']], body: 'hi' };
    assert.deepEqual(messages, [
      { ...common, trailers: [] },
      { ...common, trailers: [['t', '1']] },
    ]);
    assert.equal(end, 'clean');
  });

  it('stops behind a message that is the last, and in one that is not whole', () => {
    assert.equal(readRequests('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nrest').end, 'closed');
    assert.equal(readRequests('GET / HTTP/1.0\r\n\r\nrest').rest, 'rest');
    const { messages, end, begun } = readRequests(`${post}Content-Length: 3\r\n\r\nhi`);
    assert.deepEqual([messages.length, end, begun?.path], [0, 'incomplete', '/a']);
  });

  const wrong: readonly [octets: string, end: string][] = [
    [`${post}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 'invalid framing'],
    [`${post}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`, 'invalid framing said twice'],
    [`${post}Transfer-Encoding: x\r\n\r\n`, 'invalid transfer coding'],
    [`${post}Content-Length: +1\r\n\r\n`, 'invalid content-length'],
    [`${post}Transfer-Encoding: chunked\r\n\r\n0x1\r\n`, 'invalid chunk'],
    [`${post}Transfer-Encoding: chunked\r\n\r\n1\r\nab`, 'invalid chunk end'],
    [`${post}Host: c\r\n\r\n`, 'invalid 2 hosts'],
    [`${post}A : 1\r\n\r\n`, 'invalid field name'],
    [`${post} A: 1\r\n\r\n`, 'invalid folded line'],
    [`${post}A: \0\r\n\r\n`, 'invalid field value'],
    [`${post}A: 1\n\r\n`, 'invalid bare LF'],
    [`${post}A: 1\r2\r\n\r\n`, 'invalid bare CR'],
    ['GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n', 'invalid target'],
    ['GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 'invalid request line'],
  ];
  for (const [octets, end] of wrong) {
    it(`says ${end}`, () => {
      assert.equal(readRequests(octets).end, end);
    });
  }

  it('can tolerate what a recipient may, and tells of it', () => {
    const { messages, tolerated } = readRequests('\r\nGET /a#b HTTP/1.1\r\nHost: a\r\nA: 1\r\n 2\r\n\r\n', true);
    assert.deepEqual([messages[0]?.path, messages[0]?.fields, tolerated.size], ['/a', [['a', '1 2']], 1]);
  });
});

it('the reference reader of responses knows when there is no body, and when only the end tells of its length', () => {
  const octets = 'HTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end';
  const { responses, end } = readResponses(octets, ['HEAD', 'GET'], true);
  assert.deepEqual([responses.map(({ body }) => body), end], [['', 'to the end'], 'closed']);
  assert.equal(readResponses(octets, ['HEAD', 'GET'], false).end, 'incomplete');
});

it('a request of HTTP/2 is held to RFC 9113', () => {
  const of = (fields: readonly [string, string][], data = '') =>
    meaningOf({
      fields: [[':method', 'POST'], [':scheme', 'http'], [':authority', 'a'], [':path', '/'], ...fields],
      data: [data],
      trailers: [],
      end: 'data',
    }).wrong;
  assert.equal(of([['te', 'trailers']]), null);
  assert.equal(of([['transfer-encoding', 'chunked']]), 'field of the connection');
  assert.equal(of([['a', '1\r\nb: 2']]), 'field value');
  assert.equal(of([['host', 'evil']]), 'authorities differ');
  assert.equal(of([[':path', '/b']]), 'pseudo-header twice');
  assert.equal(of([['content-length', '5']], 'hello!'), 'more than content-length');
});

it('messages differ in any part that is for the recipient', () => {
  const message: Message = { method: 'GET', path: '/', authority: 'a', fields: [['x', '1']], body: '', trailers: [] };
  assert.equal(
    differenceOf(message, {
      ...message,
      authority: 'A',
      fields: [
        ['x-request-id', '2'],
        ['x', '1'],
      ],
    }),
    null,
  );
  for (const part of ['method', 'path', 'authority', 'body'] as const)
    assert.notEqual(differenceOf(message, { ...message, [part]: 'other' }), null, part);
  assert.notEqual(differenceOf(message, { ...message, fields: [] }), null);
  assert.notEqual(differenceOf(message, { ...message, trailers: [['y', '1']] }), null);
});
