import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { HeaderMap } from '../http1/header-map.ts';
import { FakeConnection } from '../transport/fake-connection.fixture.ts';
import { defaultHttp1Options, type Http1Options } from './http1-options.ts';
import { Http1ServerConnection } from './http1-server-connection.ts';
import { aResponse, RequestRecorder } from './http1.fixture.ts';
import { TimerWheel } from './timer-wheel.ts';

const get = (path: string, lines = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;

function aServer(options: Partial<Http1Options> = {}) {
  const connection = new FakeConnection();
  const handler = new RequestRecorder();
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  const server = new Http1ServerConnection(connection, handler, {
    options: { ...defaultHttp1Options, ...options },
    wheel,
  });
  return { connection, handler, server, clock, wheel };
}

describe('a server connection', () => {
  it('answers one request after the other', () => {
    const { connection, handler } = aServer();
    connection.receive(get('/1'));
    handler.last.answer('one');
    assert.equal(connection.takeText(), 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none');
    assert.equal(handler.last.sent, 1);
    connection.receive(get('/2'));
    handler.last.answer();
    assert.equal(connection.takeText(), 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    assert.equal(connection.hasEnded, false);
  });

  it('takes a pipelined request up when the one before is answered, and reads nothing more until then', () => {
    const { connection, handler } = aServer();
    connection.receive(get('/1') + get('/2') + get('/3'));
    assert.deepEqual([handler.requests.length, connection.isPaused], [1, true]);
    handler.last.answer('1');
    connection.deliver();
    assert.deepEqual([handler.last.head.path, connection.isPaused], ['/2', true]);
    handler.last.answer('2');
    connection.deliver();
    handler.last.answer('3');
    assert.deepEqual([handler.last.head.path, connection.isPaused], ['/3', false]);
    assert.match(connection.text, /1HTTP.*2HTTP.*3$/s);
  });

  it('takes thousands of pipelined requests that are answered at once', () => {
    const { connection, handler } = aServer();
    handler.onEach = (request) => request.answer();
    connection.receive(get('/').repeat(5000));
    assert.equal(handler.requests.length, 5000);
    assert.equal(handler.last.sent, 1);
  });

  it('passes a body on, and its trailers', () => {
    const { connection, handler } = aServer();
    connection.receive('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab');
    assert.deepEqual([handler.last.body, handler.last.hasEnded], ['ab', false]);
    connection.receive('c\r\n0\r\nX: 1\r\n\r\n');
    assert.deepEqual([handler.last.body, handler.last.trailers], ['abc', [['x', '1']]]);
  });

  it('sends a body of unknown length chunked, with trailers', () => {
    const { connection, handler } = aServer();
    connection.receive(get('/'));
    const { stream } = handler.last;
    stream.sendHead(aResponse({ contentLength: -1 }), false);
    stream.sendData(Buffer.from('hello'), false);
    stream.sendTrailers(HeaderMap.from([['x', '1']]));
    assert.equal(
      connection.text,
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: 1\r\n\r\n',
    );
    assert.equal(stream.bytesSent, connection.text.length);
  });

  it('sends a large chunk without copying it together', () => {
    const { connection, handler } = aServer();
    connection.receive(get('/'));
    handler.last.stream.sendHead(aResponse({ contentLength: -1 }), false);
    connection.takeText();
    handler.last.stream.sendData(Buffer.alloc(10_000, 'x'), true);
    assert.equal(connection.text, `2710\r\n${'x'.repeat(10_000)}\r\n0\r\n\r\n`);
  });

  it('sends no body to HEAD, and none with 204 and 304', () => {
    const { connection, handler } = aServer();
    connection.receive('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    handler.last.answer('hello');
    assert.equal(connection.takeText(), 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n');
    for (const [status, reason] of [
      [204, 'No Content'],
      [304, 'Not Modified'],
    ] as const) {
      connection.receive(get('/'));
      handler.last.stream.sendHead(aResponse({ status, contentLength: -1 }), true);
      assert.equal(connection.takeText(), `HTTP/1.1 ${status} ${reason}\r\n\r\n`);
    }
  });

  it('passes on what a 304 and an answer to HEAD say of a length', () => {
    const { connection, handler } = aServer();
    const headers = () => HeaderMap.from([['content-length', '7']]);
    connection.receive(get('/'));
    handler.last.stream.sendHead(aResponse({ status: 304, contentLength: 7, headers: headers() }), true);
    assert.equal(connection.takeText(), 'HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n');
    connection.receive('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    handler.last.stream.sendHead(aResponse({ contentLength: 7, headers: headers() }), true);
    assert.equal(connection.takeText(), 'HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n');
    connection.receive('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    handler.last.stream.sendHead(aResponse({ contentLength: -1 }), true);
    assert.equal(connection.takeText(), 'HTTP/1.1 200 OK\r\n\r\n');
    assert.equal(handler.last.sent, 1);
  });

  it('answers HTTP/1.0: until close when the length is unknown, keep-alive only when asked', () => {
    const { connection, handler } = aServer();
    connection.receive('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    handler.last.answer('x');
    assert.equal(connection.takeText(), 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\nx');
    connection.receive('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    handler.last.stream.sendHead(aResponse({ contentLength: -1 }), false);
    handler.last.stream.sendData(Buffer.from('abc'), true);
    assert.equal(connection.takeText(), 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc');
    assert.equal(connection.hasEnded, true);
  });

  it('closes when the client, the proxy or a drain says so', () => {
    const asked = aServer();
    asked.connection.receive(get('/', 'Connection: close\r\n'));
    asked.handler.last.answer();
    const told = aServer();
    told.connection.receive(get('/'));
    told.handler.last.stream.closeAfter();
    told.handler.last.answer();
    const drained = aServer();
    drained.connection.receive(get('/'));
    drained.server.drain();
    assert.equal(drained.connection.hasEnded, false);
    drained.handler.last.answer();
    for (const { connection } of [asked, told, drained]) {
      assert.match(connection.text, /\r\nconnection: close\r\n/);
      assert.equal(connection.hasEnded, true);
    }
  });

  it('closes an idle connection on drain, at once', () => {
    const { connection, server } = aServer();
    server.drain();
    assert.deepEqual([connection.hasEnded, connection.text], [true, '']);
  });

  it('lets a waiting client continue', () => {
    const { connection, handler } = aServer();
    connection.receive('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    handler.last.stream.sendContinue();
    handler.last.stream.sendContinue();
    assert.equal(connection.takeText(), 'HTTP/1.1 100 Continue\r\n\r\n');
    connection.receive('ab');
    handler.last.answer();
    assert.equal(connection.takeText(), 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  });

  it('closes behind a final answer to a client that waits to continue', () => {
    const { connection, handler } = aServer();
    connection.receive('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    handler.last.answer('', 403);
    assert.match(connection.text, /403 Forbidden\r\ncontent-length: 0\r\nconnection: close/);
    assert.equal(connection.hasEnded, true);
  });

  it('sends informational responses, but none to HTTP/1.0', () => {
    const { connection, handler } = aServer();
    connection.receive(get('/'));
    handler.last.stream.sendInformational(aResponse({ status: 103, headers: HeaderMap.from([['link', 'x']]) }));
    assert.equal(connection.takeText(), 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n');
    handler.last.answer();
    connection.receive('GET / HTTP/1.0\r\n\r\n');
    connection.takeText();
    handler.last.stream.sendInformational(aResponse({ status: 103 }));
    assert.equal(connection.text, '');
  });

  it('becomes a tunnel by 101; what came behind the head goes through it', () => {
    const { connection, handler } = aServer();
    connection.receive(`${get('/', 'Connection: upgrade\r\nUpgrade: chat\r\n')}early`);
    assert.deepEqual([handler.last.hasEnded, handler.last.head.upgrade], [true, 'chat']);
    handler.last.stream.sendHead(aResponse({ status: 101, upgrade: 'chat' }), false);
    connection.deliver();
    connection.receive('GET / HTTP/9');
    handler.last.stream.sendData(Buffer.from('raw'), false);
    assert.equal(handler.last.body, 'earlyGET / HTTP/9');
    assert.match(connection.text, /101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\nraw$/);
    connection.receiveEnd();
    assert.equal(handler.last.hasEnded, true);
    handler.last.stream.sendData(Buffer.from('bye'), true);
    assert.equal(connection.hasEnded, true);
    connection.closeWith(null);
    assert.deepEqual([handler.last.aborted, handler.closed], [null, 1]);
  });

  it('treats what came behind a refused upgrade as the next request', () => {
    const { connection, handler } = aServer();
    connection.receive(get('/', 'Connection: upgrade\r\nUpgrade: chat\r\n') + get('/2'));
    handler.last.answer('', 403);
    connection.deliver();
    assert.equal(handler.last.head.path, '/2');
  });

  it('gives a CONNECT tunnel away, with what was not read', () => {
    const { connection, handler } = aServer();
    connection.receive('CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\nearly');
    handler.last.stream.sendHead(aResponse(), false);
    assert.equal(connection.text, 'HTTP/1.1 200 OK\r\n\r\n');
    const raw = handler.last.stream.takeOver();
    let got = '';
    raw.setHandler({
      onData: (bytes) => (got += bytes.toString()),
      onDrain: () => {},
      onEnd: () => {},
      onClose: () => {},
    });
    connection.deliver();
    assert.equal(got, 'early');
    connection.closeWith(null);
    assert.deepEqual([handler.closed, handler.last.aborted], [0, null]);
  });

  it('gives a CONNECT tunnel away within the request callback', () => {
    const { connection, handler } = aServer();
    let got = '';
    handler.onEach = ({ stream }) => {
      stream.sendHead(aResponse(), false);
      stream.takeOver().setHandler({
        onData: (bytes) => (got += bytes.toString()),
        onDrain: () => {},
        onEnd: () => {},
        onClose: () => {},
      });
    };
    connection.receive('CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\nearly');
    connection.deliver();
    assert.equal(got, 'early');
  });
});

describe('a server connection in trouble', () => {
  it('has a malformed request answered, closes, and drops what follows', () => {
    const { connection, handler, clock } = aServer();
    connection.receive('GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(connection.text, /^HTTP\/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n$/);
    assert.deepEqual(
      [handler.requests.length, handler.bad[0]?.path, handler.bad[0]?.details],
      [0, '/x', 'http1.codec_error'],
    );
    connection.receive('more');
    assert.deepEqual([connection.hasEnded, connection.isClosed, connection.isPaused], [true, false, false]);
    clock.advance(1200);
    assert.equal(connection.isClosed, true);
  });

  it('lets a slow client take its last answer, but not for ever', () => {
    const { connection, handler, clock } = aServer();
    connection.receive(get('/', 'Connection: close\r\n'));
    handler.last.answer('large');
    for (const left of [300, 200, 100]) {
      connection.bytesQueued = left;
      clock.advance(5000);
      assert.equal(connection.isClosed, false);
    }
    clock.advance(40_000);
    assert.equal(connection.isClosed, true);
  });

  it('answers a body that breaks the rules with 400 if nothing was answered yet', () => {
    const { connection, handler } = aServer();
    connection.receive('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    assert.equal(handler.last.aborted?.kind, 'protocolError');
    assert.match(connection.text, /^HTTP\/1.1 400 /);
    assert.equal(connection.hasEnded, true);
  });

  it('drops the connection if the body breaks the rules behind the head of the answer', () => {
    const { connection, handler } = aServer();
    connection.receive('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    handler.last.stream.sendHead(aResponse({ contentLength: -1 }), false);
    connection.receive('zz\r\n');
    assert.equal(connection.isClosed, true);
  });

  it('reads and drops the rest of a request that was answered, within bounds', () => {
    const { connection, handler } = aServer();
    connection.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab');
    handler.last.stream.sendHead(aResponse({ contentLength: 1 }), false);
    handler.last.stream.sendData(Buffer.from('x'), true);
    connection.receive(`cdefghij${get('/2')}`);
    assert.deepEqual([handler.requests.length, handler.last.head.path], [2, '/2']);
  });

  it('closes when too much of an answered request is still to come', () => {
    const { connection, handler } = aServer({ maxDiscardBytes: 100 });
    connection.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
    handler.last.stream.sendHead(aResponse({ contentLength: 1 }), false);
    handler.last.stream.sendData(Buffer.from('x'), true);
    connection.receive('y'.repeat(101));
    assert.equal(connection.hasEnded, true);
  });

  it('says close in an answer that comes whole before the request', () => {
    const { connection, handler } = aServer();
    connection.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n');
    handler.last.answer();
    assert.match(connection.text, /connection: close/);
    assert.equal(connection.hasEnded, true);
  });

  it('tells the proxy when the client goes away', () => {
    const { connection, handler } = aServer();
    connection.receive(get('/'));
    connection.closeWith(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    assert.deepEqual(handler.last.aborted, { kind: 'connectionClosed', reset: true, detail: 'read ECONNRESET' });
    assert.equal(handler.closed, 1);
    handler.last.answer();
    assert.equal(connection.text, '');
  });

  it('takes a client that closes its side before the answer to be gone', () => {
    const { connection, handler } = aServer();
    connection.receive(get('/'));
    connection.receiveEnd();
    assert.deepEqual([handler.last.aborted?.kind, connection.isClosed], ['connectionClosed', true]);
  });

  it('pauses and resumes the body, and passes on that the client takes more', () => {
    const { connection, handler } = aServer();
    connection.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab');
    const { stream } = handler.last;
    stream.pauseRequest();
    assert.equal(connection.isPaused, true);
    stream.resumeRequest();
    assert.equal(connection.isPaused, false);
    stream.sendHead(aResponse({ contentLength: 4 }), false);
    connection.isWritable = false;
    assert.equal(stream.sendData(Buffer.from('ab'), false), false);
    connection.drain();
    assert.equal(handler.last.writable, 1);
  });

  it('drops the connection when the answer is shorter than it said', () => {
    const { connection, handler } = aServer();
    connection.receive(get('/'));
    handler.last.stream.sendHead(aResponse({ contentLength: 4 }), false);
    handler.last.stream.sendData(Buffer.from('ab'), true);
    assert.equal(connection.isClosed, true);
  });

  it('closes when idle too long, answers 408 when a head takes too long', () => {
    const idle = aServer({ idleTimeoutMs: 5000 });
    idle.clock.advance(4900);
    assert.equal(idle.connection.hasEnded, false);
    idle.clock.advance(300);
    assert.deepEqual([idle.connection.hasEnded, idle.connection.text], [true, '']);
    const slow = aServer({ headTimeoutMs: 2000 });
    slow.connection.receive('GET / HT');
    slow.clock.advance(1500);
    slow.connection.receive('TP/1.1\r\n');
    slow.clock.advance(700);
    assert.match(slow.connection.text, /^HTTP\/1.1 408 Request Timeout\r\n/);
  });

  it('times nothing while a request is under way', () => {
    const { connection, handler, clock } = aServer({ idleTimeoutMs: 1000, headTimeoutMs: 1000 });
    connection.receive(get('/'));
    clock.advance(10_000);
    handler.last.answer('x');
    assert.match(connection.text, /x$/);
  });

  it('aborts by closing, and closes on request', () => {
    const { connection, handler, server } = aServer();
    connection.receive(get('/'));
    server.close();
    assert.deepEqual([handler.last.aborted, connection.isClosed], [{ kind: 'localClose' }, true]);
    const other = aServer();
    other.connection.receive(get('/'));
    other.handler.last.stream.abort();
    assert.deepEqual([other.handler.last.aborted, other.connection.isClosed], [null, true]);
  });
});
