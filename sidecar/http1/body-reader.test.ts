import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readRequests } from './messages.fixture.ts';

const chunked = (body: string) => `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;

describe('chunked bodies that are refused', () => {
  const table: [name: string, body: string][] = [
    ['no size', '\r\nabc\r\n0\r\n\r\n'],
    ['size with 0x', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['size with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
    ['size with a blank before', ' 3\r\nabc\r\n0\r\n\r\n'],
    ['size with a blank behind', '3 \r\nabc\r\n0\r\n\r\n'],
    ['size beyond a safe integer', '10000000000000\r\nabc'],
    ['size that wraps 64 bits', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
    ['bare LF behind the size', '3\nabc\r\n0\r\n\r\n'],
    ['bare CR behind the size', '3\rabc\r\n0\r\n\r\n'],
    ['two CRs behind the size', '3\r\r\nabc\r\n0\r\n\r\n'],
    ['data longer than said', '3\r\nabcd\r\n0\r\n\r\n'],
    ['bare LF behind the data', '3\r\nabc\n0\r\n\r\n'],
    ['bare LF behind the last chunk', '3\r\nabc\r\n0\n\r\n'],
    ['no name of an extension', '3;\r\nabc\r\n0\r\n\r\n'],
    ['no semicolon before an extension', '3 a\r\nabc\r\n0\r\n\r\n'],
    ['no value of an extension', '3;a=\r\nabc\r\n0\r\n\r\n'],
    ['open quote', '3;a="b\r\nabc\r\n0\r\n\r\n'],
    ['quote with an escaped end', '3;a="b\\\r\nabc\r\n0\r\n\r\n'],
    ['text behind a quote', '3;a="b"c\r\nabc\r\n0\r\n\r\n'],
    ['control in an extension', '3;a\x01\r\nabc\r\n0\r\n\r\n'],
    ['LF in an extension (TERM.EXT)', '3;a\nabc\r\n0\r\n\r\n'],
    ['overlong extension', `3;${'a'.repeat(1100)}\r\nabc\r\n0\r\n\r\n`],
    ['many extensions', `${`1;${'a'.repeat(500)}\r\nx\r\n`.repeat(40)}0\r\n\r\n`],
    ['folded trailer', '0\r\nX: 1\r\n 2\r\n\r\n'],
    ['bare LF in trailers', '0\r\nX: 1\nY: 2\r\n\r\n'],
    ['NUL in trailers', '0\r\nX: \0\r\n\r\n'],
    ['malformed trailer', '0\r\nX\r\n\r\n'],
    ['too large trailers', `0\r\n${`x: ${'a'.repeat(990)}\r\n`.repeat(70)}\r\n`],
  ];
  for (const [name, body] of table) {
    it(name, () => {
      const read = readRequests(chunked(body));
      assert.notEqual(read.fault, null);
      assert.equal(read.messages[0]?.isComplete, false);
    });
  }
});

describe('chunked bodies that are taken', () => {
  const bodyOf = (body: string) => {
    const read = readRequests(chunked(body));
    assert.equal(read.fault, null);
    return read.messages[0]!;
  };

  it('sizes in either case, with leading zeros', () => {
    const message = bodyOf('00A\r\n0123456789\r\nb\r\n0123456789a\r\n000\r\n\r\n');
    assert.deepEqual([message.body, message.isComplete], ['01234567890123456789a', true]);
  });

  it('extensions of all kinds are dropped', () => {
    assert.equal(bodyOf('3 ; a ; b = c;d="e\\"; f"\t;g\r\nabc\r\n0;x\r\n\r\n').body, 'abc');
  });

  it('trailers, without those that have no business there', () => {
    const message = bodyOf(
      '1\r\nx\r\n0\r\nGrpc-Status: 0\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\nHost: b\r\nX: 1\r\n\r\n',
    );
    assert.deepEqual(message.trailers, [
      ['grpc-status', '0'],
      ['x', '1'],
    ]);
  });

  it('trailers that are all dropped are an end', () => {
    const message = bodyOf('1\r\nx\r\n0\r\nHost: b\r\n\r\n');
    assert.deepEqual([message.isComplete, message.trailers], [true, []]);
  });
});

describe('bodies by length', () => {
  it('end where they said, and the next request follows', () => {
    const read = readRequests(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
    );
    assert.deepEqual(
      read.messages.map((m) => [m.head.path, m.body]),
      [
        ['/', 'abc'],
        ['/2', ''],
      ],
    );
  });
});
