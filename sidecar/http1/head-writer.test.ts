import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteWriter } from './byte-writer.ts';
import { encodeRequestHead, encodeResponseHead } from './head-writer.ts';
import { HeaderMap } from './header-map.ts';
import type { RequestHead, ResponseHead } from './message.ts';

const writer = new ByteWriter();
const aRequest = (changes: Partial<RequestHead> = {}): RequestHead => ({
  method: 'GET',
  path: '/',
  authority: 'a',
  scheme: 'http',
  version: 'HTTP/1.1',
  headers: new HeaderMap(),
  upgrade: null,
  contentLength: 0,
  expectsContinue: false,
  isAbsoluteForm: false,
  ...changes,
});
const aResponse = (changes: Partial<ResponseHead> = {}): ResponseHead => ({
  status: 200,
  reason: '',
  version: 'HTTP/1.1',
  headers: new HeaderMap(),
  contentLength: 0,
  upgrade: null,
  ...changes,
});
const request = (changes: Partial<RequestHead>, framing: Parameters<typeof encodeRequestHead>[2] = 'none') =>
  encodeRequestHead(writer, aRequest(changes), framing).toString('latin1');
const response = (
  changes: Partial<ResponseHead>,
  framing: Parameters<typeof encodeResponseHead>[2] = 'length',
  connection: Parameters<typeof encodeResponseHead>[3] = 'default',
) => encodeResponseHead(writer, aResponse(changes), framing, connection).toString('latin1');

describe('request heads', () => {
  it('host first, then the fields', () => {
    const headers = HeaderMap.from([['x', '1']]);
    assert.equal(request({ path: '/a?b', headers }), 'GET /a?b HTTP/1.1\r\nhost: a\r\nx: 1\r\n\r\n');
  });

  it('content-length is written once, whatever the fields say', () => {
    const headers = HeaderMap.from([
      ['content-length', '1'],
      ['content-length', '2'],
    ]);
    const text = request({ method: 'POST', headers, contentLength: 5 }, 'length');
    assert.equal(text, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n');
  });

  it('a chunked body has no content-length', () => {
    const headers = HeaderMap.from([['content-length', '1']]);
    const text = request({ method: 'POST', headers, contentLength: -1 }, 'chunked');
    assert.equal(text, 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
  });

  it('no body: methods that allow for one say content-length 0, the others say nothing', () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'OPTIONS', 'PURGE'])
      assert.match(request({ method }), /content-length: 0\r\n/);
    for (const method of ['GET', 'HEAD', 'DELETE', 'TRACE']) assert.doesNotMatch(request({ method }), /content-length/);
  });

  it('an upgrade, an expectation', () => {
    assert.equal(
      request({ upgrade: 'websocket' }),
      'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    );
    assert.match(
      request({ method: 'PUT', contentLength: 1, expectsContinue: true }, 'length'),
      /\r\nexpect: 100-continue\r\n/,
    );
  });

  it('refuses what would split the head', () => {
    for (const changes of [
      { method: 'GET /' },
      { path: '/ HTTP/1.1\r\nx: 1' },
      { path: '/a b' },
      { path: '' },
      { authority: 'a\r\nb' },
      { authority: 'a/b' },
      { upgrade: 'a\nb' },
    ]) {
      assert.throws(() => request(changes), { name: 'AssertionError' });
    }
  });
});

describe('response heads', () => {
  it('standard reasons, own reasons, unknown statuses', () => {
    assert.match(response({ status: 404 }), /^HTTP\/1.1 404 Not Found\r\n/);
    assert.match(response({ status: 200, reason: 'OK' }), /^HTTP\/1.1 200 OK\r\n/);
    assert.match(response({ status: 200, reason: 'Fine' }), /^HTTP\/1.1 200 Fine\r\n/);
    assert.match(response({ status: 599 }), /^HTTP\/1.1 599 \r\n/);
  });

  it('framing', () => {
    assert.equal(response({ contentLength: 3 }), 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n');
    assert.equal(response({}, 'chunked'), 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
    assert.equal(response({}, 'untilClose', 'close'), 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n');
    const headers = HeaderMap.from([['content-length', '7']]);
    assert.equal(
      response({ status: 304, headers }, 'asDeclared'),
      'HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n',
    );
    assert.equal(response({ status: 204, headers }, 'none'), 'HTTP/1.1 204 No Content\r\n\r\n');
  });

  it('a change of protocol', () => {
    assert.equal(
      response({ status: 101, upgrade: 'websocket' }, 'none', 'upgrade'),
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    );
  });

  it('refuses a reason or a status that is none', () => {
    assert.throws(() => response({ reason: 'a\r\nb' }), { name: 'AssertionError' });
    assert.throws(() => response({ status: 20 }), { name: 'AssertionError' });
  });
});
