import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeaderMap } from '../http1/header-map.ts';
import {
  aFrame,
  aGet,
  aPost,
  aSettings,
  dataFrame,
  headersFrame,
  resetFrame,
  windowUpdate,
} from '../http2/session.fixture.ts';
import type { Pairs } from '../http2/session.fixture.ts';
import { aResponse } from './http1.fixture.ts';
import { aServer, FakePeer, turn } from './http2-peer.fixture.ts';
import { RequestRecorder } from './http1.fixture.ts';
import { Http2ServerConnection } from './http2-server-connection.ts';

const webSocket: Pairs = [
  [':method', 'CONNECT'],
  [':scheme', 'https'],
  [':authority', 'a'],
  [':path', '/chat'],
  [':protocol', 'websocket'],
];
const connect: Pairs = [
  [':method', 'CONNECT'],
  [':authority', 'b:443'],
];

describe('requests', () => {
  it('have the head of HTTP/1.1, with what the pseudo-headers say', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, [...aPost, ['x-a', 'b'], ['te', 'trailers'], ['expect', '100-continue']], false));
    const { headers, ...head } = handler.last.head;
    assert.deepEqual(head, {
      method: 'POST',
      path: '/',
      authority: 'a',
      scheme: 'http',
      version: 'HTTP/2',
      upgrade: null,
      contentLength: -1,
      expectsContinue: true,
      isAbsoluteForm: false,
    });
    assert.deepEqual(headers.entries(), [
      ['x-a', 'b'],
      ['te', 'trailers'],
    ]);
    peer.send(headersFrame(3, [...aPost, ['content-length', '2']], false), headersFrame(5, aGet));
    assert.deepEqual(
      handler.requests.map(({ head, hasEnded }) => [head.contentLength, hasEnded]),
      [
        [-1, false],
        [2, false],
        [0, true],
      ],
    );
    peer.send(
      dataFrame(3, 'ab', true),
      dataFrame(1, 'x'),
      headersFrame(1, [
        ['sum', '1'],
        ['te', 'trailers'],
      ]),
    );
    assert.deepEqual([handler.requests[1]?.body, handler.requests[0]?.trailers], ['ab', [['sum', '1']]]);
  });

  it('that are malformed are reset, and told as such with what could be read of them', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, [...aGet, ['transfer-encoding', 'chunked']]));
    assert.deepEqual(await peer.heard(), ['RST_STREAM 1 1']);
    assert.deepEqual([handler.requests.length, handler.bad.length], [0, 0]);
    const [told] = handler.malformed;
    assert.deepEqual(
      [told?.version, told?.method, told?.path, told?.message],
      ['HTTP/2', 'GET', '/', 'field of a connection (RFC 9113 8.2.2)'],
    );
  });

  it('that have too many fields or another expectation are answered, and logged', async () => {
    const { peer, handler } = await aServer({ maxFields: 5 });
    peer.send(headersFrame(1, [...aPost, ['a', 'b'], ['c', 'd']], false), headersFrame(3, [...aGet, ['expect', 'x']]));
    assert.deepEqual(await peer.heard(), ['HEADERS 1 :status=431 END', 'RST_STREAM 1 0', 'HEADERS 3 :status=417 END']);
    assert.deepEqual(
      handler.bad.map(({ details, method }) => [details, method]),
      [
        ['http2.too_many_headers', 'POST'],
        ['http2.codec_error', 'GET'],
      ],
    );
  });

  it('are aborted when the client resets, or is gone', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, aPost, false), headersFrame(3, aPost, false), resetFrame(1));
    peer.connection.closeWith(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    assert.deepEqual(
      handler.requests.map(({ aborted }) => aborted),
      [
        { kind: 'streamReset', code: 'CANCEL' },
        { kind: 'connectionClosed', reset: true, detail: 'reset' },
      ],
    );
    assert.equal(handler.closed, 1);
  });

  it('are held while their consumer pauses', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, aPost, false));
    handler.last.stream.pauseRequest();
    peer.send(dataFrame(1, 'abc', true));
    assert.equal(handler.last.body, '');
    handler.last.stream.resumeRequest();
    await turn();
    assert.deepEqual([handler.last.body, handler.last.hasEnded], ['abc', true]);
  });
});

describe('answers', () => {
  it('are written once a turn, and say nothing of a connection', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, aGet));
    const headers = HeaderMap.from([
      ['Connection', 'x'],
      ['Keep-Alive', '1'],
      ['Upgrade', 'h2c'],
      ['Transfer-Encoding', 'chunked'],
      ['X-A', ' b '],
      ['content-length', '7'],
    ]);
    handler.last.stream.sendHead(aResponse({ headers, contentLength: 3 }), false);
    handler.last.stream.sendData(Buffer.from('abc'), true);
    assert.equal(peer.connection.text, '');
    assert.deepEqual(await peer.heard(), ['HEADERS 1 :status=200 x-a=b content-length=3', 'DATA 1 abc END']);
    assert.equal(handler.last.sent, 1);
    assert.ok(handler.last.stream.bytesSent > 20 && handler.last.stream.bytesReceived > 9);
  });

  it('to HEAD and of 304 say the length of a body that does not come; 204 does not', async () => {
    const { peer, handler } = await aServer();
    const length = (): HeaderMap => HeaderMap.from([['content-length', '9']]);
    for (const [id, method, status] of [
      [1, 'HEAD', 200],
      [3, 'GET', 304],
      [5, 'GET', 204],
    ] as const) {
      peer.send(headersFrame(id, [[':method', method], ...aGet.slice(1)]));
      handler.last.stream.sendHead(aResponse({ status, headers: length(), contentLength: 9 }), false);
      handler.last.stream.sendData(Buffer.from('123456789'), true);
    }
    assert.deepEqual(await peer.heard(), [
      'HEADERS 1 :status=200 content-length=9',
      'DATA 1  END',
      'HEADERS 3 :status=304 content-length=9',
      'DATA 3  END',
      'HEADERS 5 :status=204',
      'DATA 5  END',
    ]);
  });

  it('of our own to HEAD say the length that they would have', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, [[':method', 'HEAD'], ...aGet.slice(1)]));
    handler.last.stream.sendHead(aResponse({ status: 404, contentLength: 9 }), true);
    assert.deepEqual(await peer.heard(), ['HEADERS 1 :status=404 content-length=9 END']);
  });

  it('of less than was declared are reset', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, aGet));
    handler.last.stream.sendHead(aResponse({ contentLength: 3 }), false);
    handler.last.stream.sendData(Buffer.from('ab'), true);
    assert.deepEqual(await peer.heard(), ['HEADERS 1 :status=200 content-length=3', 'RST_STREAM 1 2']);
  });

  it('may have 1xx before and trailers behind', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, [...aPost, ['expect', '100-continue']], false));
    const { stream } = handler.last;
    stream.sendInformational(aResponse({ status: 103 }));
    stream.sendContinue();
    stream.sendContinue();
    stream.sendHead(aResponse({ contentLength: -1 }), false);
    stream.sendTrailers(
      HeaderMap.from([
        ['grpc-status', '0'],
        ['content-length', '1'],
      ]),
    );
    assert.deepEqual(await peer.heard(), [
      'HEADERS 1 :status=103',
      'HEADERS 1 :status=100',
      'HEADERS 1 :status=200',
      'HEADERS 1 grpc-status=0 END',
      'RST_STREAM 1 0',
    ]);
  });

  it('that could split a message are not written at all, and those after them are right', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, aGet), headersFrame(3, aGet));
    const [first, second] = handler.requests;
    const split = HeaderMap.from([
      ['x-good', '1'],
      ['x-bad', 'a\r\nb: c'],
    ]);
    assert.throws(() => first?.stream.sendHead(aResponse({ headers: split }), true), /not a field value/);
    second?.stream.sendHead(aResponse({ headers: HeaderMap.from([['x-good', '1']]) }), true);
    assert.deepEqual(await peer.heard(), ['HEADERS 3 :status=200 x-good=1 END']);
  });

  it('wait for the window, say so, and go on', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, aGet));
    handler.last.stream.sendHead(aResponse({ contentLength: -1 }), false);
    assert.equal(handler.last.stream.sendData(Buffer.alloc(200_000), true), false);
    assert.equal(
      (await peer.frames()).reduce((sum, { type, payload }) => sum + (type === 0 ? payload.length : 0), 0),
      65_535,
    );
    peer.send(windowUpdate(0, 1 << 20), windowUpdate(1, 1 << 20));
    const rest = await peer.frames();
    assert.equal(rest.at(-1)?.flags, 1);
    assert.deepEqual([handler.last.writable, handler.last.sent], [1, 1]);
  });

  it('that nobody takes are reset after the stream idle time', async () => {
    const { peer, handler } = await aServer({ streamIdleTimeoutMs: 5000 });
    peer.send(headersFrame(1, aGet));
    handler.last.stream.sendHead(aResponse({ contentLength: -1 }), false);
    handler.last.stream.sendData(Buffer.alloc(100_000), true);
    await peer.frames();
    peer.clock.advance(7000);
    assert.equal(handler.last.aborted?.kind, 'timeout');
    assert.deepEqual(await peer.heard(), ['RST_STREAM 1 8']);
  });
});

describe('tunnels', () => {
  it('by extended CONNECT are upgrades of a GET, as in HTTP/1.1', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, webSocket, false), dataFrame(1, 'early'));
    const { head, stream, hasEnded } = handler.last;
    assert.deepEqual([head.method, head.upgrade, head.path, head.scheme], ['GET', 'websocket', '/chat', 'https']);
    assert.match(head.headers.get('sec-websocket-key') ?? '', /^[\w+/]{22}==$/);
    assert.deepEqual([hasEnded, handler.last.body], [true, '']);
    stream.sendHead(aResponse({ status: 101, upgrade: 'websocket' }), false);
    await turn();
    assert.equal(handler.last.body, 'early');
    stream.sendData(Buffer.from('back'), false);
    peer.send(dataFrame(1, '', true));
    assert.deepEqual(await peer.heard(), ['HEADERS 1 :status=200', 'DATA 1 back']);
    stream.sendData(Buffer.from('bye'), true);
    assert.deepEqual(await peer.heard(), ['DATA 1 bye END']);
  });

  it('that are refused are answered like any request', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, webSocket, false), dataFrame(1, 'early'));
    handler.last.answer('no', 403);
    assert.deepEqual(await peer.heard(), ['HEADERS 1 :status=403 content-length=2', 'DATA 1 no END', 'RST_STREAM 1 0']);
    assert.equal(handler.last.body, '');
  });

  it('are not opened by a 2xx of HTTP/1.1 that is no 101', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, webSocket, false));
    handler.last.answer('no', 200);
    assert.deepEqual(await peer.heard(), ['HEADERS 1 :status=502 content-length=2', 'DATA 1 no END', 'RST_STREAM 1 0']);
  });

  it('by CONNECT can be taken over as a connection', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, connect, false), dataFrame(1, 'hello'));
    const { stream, head } = handler.last;
    assert.deepEqual([head.method, head.path, head.authority, head.scheme], ['CONNECT', 'b:443', 'b:443', 'http']);
    stream.sendHead(aResponse(), false);
    const tunnel = stream.takeOver();
    const seen: string[] = [];
    tunnel.setHandler({
      onData: (bytes) => seen.push(String(bytes)),
      onDrain: () => undefined,
      onEnd: () => seen.push('END'),
      onClose: (error) => seen.push(`closed ${error}`),
    });
    await turn();
    tunnel.unread(Buffer.from('again'));
    await turn();
    tunnel.write(Buffer.from('back'));
    peer.send(dataFrame(1, '!', true));
    await turn();
    tunnel.end();
    assert.deepEqual(await peer.heard(), ['HEADERS 1 :status=200', 'DATA 1 back', 'DATA 1  END']);
    await turn();
    assert.deepEqual(seen, ['hello', 'again', '!', 'END', 'closed null']);
  });
});

describe('the end of a server connection', () => {
  it('comes after the idle time, in two steps', async () => {
    const { peer, server } = await aServer({ idleTimeoutMs: 10_000 });
    assert.equal(server.isIdle, true);
    peer.clock.advance(10_900);
    assert.deepEqual(await peer.heard(), []);
    peer.clock.advance(700);
    assert.deepEqual(await peer.heard(), ['GOAWAY 2147483647 0', 'PING']);
    peer.clock.advance(2200);
    assert.deepEqual(await peer.heard(), ['GOAWAY 0 0']);
    assert.equal(peer.connection.hasEnded, true);
    peer.clock.advance(1200);
    assert.equal(peer.connection.isClosed, true);
  });

  it('comes after what is under way, when it drains or an answer is to be the last', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, aGet));
    handler.last.stream.closeAfter();
    const [, ping] = await peer.frames();
    peer.send(aFrame(6, 1, 0, ping?.payload));
    assert.equal(peer.connection.hasEnded, false);
    handler.last.answer('x');
    assert.ok((await peer.heard()).includes('DATA 1 x END'));
    assert.equal(peer.connection.hasEnded, true);
    assert.equal(handler.last.aborted, null);
  });

  it('comes with GOAWAY when the client breaks a rule, and the requests hear of it', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, aPost, false), windowUpdate(0, 0));
    assert.deepEqual(await peer.heard(), ['GOAWAY 1 1']);
    assert.equal(handler.last.aborted?.kind, 'protocolError');
    assert.equal(peer.connection.hasEnded, true);
    peer.send(headersFrame(3, aGet));
    assert.equal(handler.requests.length, 1);
  });

  it('comes when a preface stalls, or SETTINGS are not acknowledged', async () => {
    for (const [options, bytes] of [
      [{ headTimeoutMs: 2000 }, Buffer.from('PRI * HT')],
      [{ settingsAckTimeoutMs: 2000 }, Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), aSettings()])],
    ] as const) {
      const peer = new FakePeer(options);
      void new Http2ServerConnection(peer.connection, new RequestRecorder(), peer.setup);
      peer.send(bytes);
      peer.clock.advance(1800);
      await turn();
      assert.equal(peer.connection.hasEnded, false);
      peer.clock.advance(1500);
      await turn();
      assert.equal(peer.connection.hasEnded, true);
    }
  });

  it('comes at once when the client has closed its side', async () => {
    const { peer, handler } = await aServer();
    peer.send(headersFrame(1, aGet));
    peer.connection.receiveEnd();
    assert.equal(handler.last.aborted?.kind, 'connectionClosed');
    assert.equal(peer.connection.hasEnded, true);
  });

  it('comes at once when we close', async () => {
    const { peer, handler, server } = await aServer();
    peer.send(headersFrame(1, aGet));
    server.close();
    assert.deepEqual(handler.last.aborted, { kind: 'localClose' });
    assert.deepEqual([peer.connection.isClosed, handler.closed], [true, 1]);
  });
});
