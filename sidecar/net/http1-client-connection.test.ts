import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeaderMap } from '../http1/header-map.ts';
import { FakeConnection } from '../transport/fake-connection.fixture.ts';
import { Http1ClientConnection } from './http1-client-connection.ts';
import { defaultHttp1Options } from './http1-options.ts';
import { aRequest, RecordedResponse } from './http1.fixture.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

function aClient() {
  const connection = new FakeConnection();
  const events: string[] = [];
  const client = new Http1ClientConnection(
    connection,
    {
      onCapacity: () => events.push('capacity'),
      onKeepAliveHint: (_, timeoutMs) => events.push(`hint ${timeoutMs}`),
      onClose: () => events.push('close'),
    },
    defaultHttp1Options,
  );
  const request = (changes: Parameters<typeof aRequest>[0] = {}, end = true) => {
    const response = new RecordedResponse();
    const stream = client.open(response);
    stream.sendHead(aRequest(changes), end);
    return { response, stream };
  };
  return { connection, client, events, request };
}

describe('a client connection', () => {
  it('carries one request after the other', () => {
    const { connection, client, events, request } = aClient();
    const first = request();
    assert.deepEqual([client.capacity, connection.takeText()], [0, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n']);
    connection.receive(ok);
    assert.deepEqual([first.response.body, first.response.hasEnded], ['ok', true]);
    assert.deepEqual([client.capacity, client.requestCount, events], [1, 1, ['capacity']]);
    const second = request({ path: '/2' });
    connection.receive('HTTP/1.1 204 No Content\r\n\r\n');
    assert.deepEqual([second.response.head?.status, second.response.hasEnded, client.capacity], [204, true, 1]);
  });

  it('has no capacity until everything that came was looked at', () => {
    const { connection, client, request } = aClient();
    const { response } = request();
    let capacity = -1;
    response.onEnd = () => (capacity = client.capacity);
    connection.receive(ok);
    assert.deepEqual([capacity, client.capacity], [0, 1]);
  });

  it('sends bodies by length and chunked, with trailers', () => {
    const { connection, request } = aClient();
    const { stream } = request({ method: 'POST', contentLength: 3 }, false);
    stream.sendData(Buffer.from('abc'), true);
    assert.equal(connection.takeText(), 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc');
    connection.receive(ok);
    const second = request({ method: 'POST', contentLength: -1 }, false).stream;
    second.sendData(Buffer.from('abc'), false);
    second.sendTrailers(HeaderMap.from([['x', '1']]));
    assert.match(connection.text, /chunked\r\n\r\n3\r\nabc\r\n0\r\nx: 1\r\n\r\n$/);
  });

  it('passes informational responses on', () => {
    const { connection, request } = aClient();
    const { response } = request();
    connection.receive(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}`);
    assert.deepEqual([response.informational, response.body], [[100, 103], 'ok']);
  });

  it('reads chunked responses and their trailers', () => {
    const { connection, client, request } = aClient();
    const { response } = request();
    connection.receive('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n');
    assert.deepEqual([response.body, response.trailers, client.capacity], ['ok', [['x', '1']], 1]);
  });

  it('knows that a response to HEAD has no body', () => {
    const { connection, client, request } = aClient();
    const { response } = request({ method: 'HEAD' });
    connection.receive('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n');
    assert.deepEqual([response.hasEnded, response.head?.contentLength, client.capacity], [true, 100, 1]);
  });

  it('becomes a tunnel by 101 and by a 2xx to CONNECT', () => {
    for (const [changes, answer] of [
      [{ upgrade: 'chat' }, 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n\r\n'],
      [{ method: 'CONNECT', path: 'b:1' }, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'],
    ] as const) {
      const { connection, client, events, request } = aClient();
      const { response, stream } = request(changes);
      connection.receive(`${answer}early`);
      connection.takeText();
      stream.sendData(Buffer.from('raw'), false);
      assert.deepEqual([response.body, connection.text, client.capacity], ['early', 'raw', 0]);
      stream.sendData(Buffer.alloc(0), true);
      assert.equal(connection.hasEnded, true);
      connection.receiveEnd();
      assert.equal(response.hasEnded, true);
      connection.closeWith(null);
      assert.deepEqual([response.aborted, events], [null, ['close']]);
    }
  });

  it('passes the keep-alive hint on', () => {
    const { connection, events, request } = aClient();
    request();
    connection.receive('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nContent-Length: 0\r\n\r\n');
    assert.deepEqual(events, ['hint 5000', 'capacity']);
  });

  it('counts what was handed to the operating system, of this request', () => {
    const { connection, client, request } = aClient();
    request();
    connection.receive(ok);
    const stream = client.open(new RecordedResponse());
    assert.equal(stream.bytesSent, 0);
    stream.sendHead(aRequest(), true);
    assert.equal(stream.bytesSent, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'.length);
  });
});

describe('a client connection that is not used again', () => {
  const ends: [name: string, answer: string][] = [
    ['the server says close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['garbage behind the response', `${ok}HTTP/1.1 200 OK\r\n\r\n`],
  ];
  for (const [name, answer] of ends) {
    it(name, () => {
      const { connection, client, events, request } = aClient();
      const { response } = request();
      connection.receive(answer);
      assert.deepEqual([response.body, response.hasEnded, response.aborted], ['ok', true, null]);
      assert.deepEqual([connection.isClosed, client.capacity, events], [true, 0, ['close']]);
    });
  }

  it('a response until the connection closes', () => {
    const { connection, request } = aClient();
    const { response } = request();
    connection.receive('HTTP/1.1 200 OK\r\n\r\nok');
    assert.equal(response.hasEnded, false);
    connection.receiveEnd();
    assert.deepEqual([response.hasEnded, response.aborted], [true, null]);
  });

  it('an answer before the request was complete', () => {
    const { connection, events, request } = aClient();
    const { response, stream } = request({ method: 'POST', contentLength: 10 }, false);
    connection.receive('HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n');
    assert.deepEqual([response.head?.status, response.hasEnded, connection.isClosed], [413, true, true]);
    assert.equal(stream.sendData(Buffer.from('x'), false), true);
    assert.deepEqual(events, ['close']);
  });

  it('a drain: at once when idle, else after the response', () => {
    const idle = aClient();
    idle.client.drain();
    assert.equal(idle.connection.isClosed, true);
    const busy = aClient();
    const { response } = busy.request();
    busy.client.drain();
    assert.equal(busy.connection.isClosed, false);
    busy.connection.receive(ok);
    assert.deepEqual([response.body, busy.connection.isClosed, busy.events], ['ok', true, ['close']]);
  });

  it('bytes, or the end, while idle', () => {
    const bytes = aClient();
    bytes.connection.receive('HTTP/1.1 408 Request Timeout\r\n\r\n');
    const end = aClient();
    end.connection.receiveEnd();
    for (const { connection, events, client } of [bytes, end]) {
      assert.deepEqual([connection.isClosed, events, client.isClosed], [true, ['close'], true]);
    }
  });
});

describe('a client connection in trouble', () => {
  it('reports a response that breaks the rules', () => {
    for (const answer of [
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'nonsense\x00',
    ]) {
      const { connection, request, events } = aClient();
      const { response } = request();
      connection.receive(answer);
      assert.equal(response.aborted?.kind, 'protocolError');
      assert.deepEqual([connection.isClosed, events], [true, ['close']]);
    }
  });

  it('reports the end and the loss of the connection', () => {
    const ended = aClient();
    const first = ended.request();
    ended.connection.receiveEnd();
    const reset = aClient();
    const second = reset.request();
    reset.connection.closeWith(Object.assign(new Error('x'), { code: 'ECONNRESET' }));
    const kinds = [first, second].map(({ response }) => response.aborted);
    assert.deepEqual(
      kinds.map((cause) => cause?.kind === 'connectionClosed' && cause.reset),
      [false, true],
    );
  });

  it('reports a response that is cut off as malformed', () => {
    for (const answer of ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab', 'HTTP/1.1 200 OK\r\nContent-Len']) {
      const { connection, request } = aClient();
      const { response } = request();
      connection.receive(answer);
      connection.receiveEnd();
      assert.equal(response.aborted?.kind, 'protocolError');
    }
  });

  it('gives an attempt up without an event', () => {
    const { connection, request, events } = aClient();
    const { response, stream } = request();
    stream.abort();
    assert.deepEqual([connection.isClosed, response.aborted, events], [true, null, ['close']]);
  });

  it('pauses and resumes, and passes on that the server takes more', () => {
    const { connection, request } = aClient();
    const { response, stream } = request({ method: 'POST', contentLength: 10 }, false);
    stream.pauseResponse();
    assert.equal(connection.isPaused, true);
    stream.resumeResponse();
    assert.equal(connection.isPaused, false);
    connection.isWritable = false;
    assert.equal(stream.sendData(Buffer.from('ab'), false), false);
    connection.drain();
    assert.equal(response.writable, 1);
  });
});
