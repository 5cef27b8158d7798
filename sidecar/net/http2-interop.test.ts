/** node:http2 as a second opinion, in both directions, over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { HeaderMap } from '../http1/header-map.ts';
import { aRequest, aResponse, RecordedRequest, RecordedResponse } from './http1.fixture.ts';
import type { Http2ClientConnection } from './http2-client-connection.ts';
import { ClientRecorder, connectHttp2, EchoHandler, Http2TestServer } from './http2.fixture.ts';

const bigBytes = 3 * 1024 * 1024;

async function read(stream: ClientHttp2Stream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

describe('our server and a client of node:http2', () => {
  const echo = new EchoHandler();
  const server = new Http2TestServer(echo);
  let client: ClientHttp2Session;

  before(async () => {
    client = http2.connect(`http://127.0.0.1:${await server.listen()}`);
    await once(client, 'connect');
  });
  after(() => {
    client.close();
    server.close();
  });

  it('exchange heads, bodies and trailers', async () => {
    const stream = client.request({ ':method': 'POST', ':path': '/a?b', cookie: 'x=1' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const trailers = once(stream, 'trailers');
    const response = once(stream, 'response');
    stream.end('some body');
    assert.equal(await read(stream), 'some body');
    assert.equal((await response)[0][':status'], 200);
    assert.equal((await trailers)[0]['grpc-status'], '0');
  });

  it('carry many streams side by side', async () => {
    const bodies = Array.from({ length: 100 }, (_, index) => `body ${index} `.repeat(index * 50));
    const answers = bodies.map((body) => {
      const stream = client.request({ ':method': 'POST' });
      stream.end(body);
      return read(stream);
    });
    assert.deepEqual(
      await Promise.all(answers),
      bodies.map((body) => body),
    );
  });

  it('carry a large body to a slow reader, without gathering it', async () => {
    const stream = client.request({ ':path': `/size/${bigBytes}` });
    let total = 0;
    for await (const chunk of stream) {
      total += (chunk as Buffer).length;
      if (total < bigBytes / 4) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(total, bigBytes);
  });

  it('carry a large body both ways at once', async () => {
    const body = 'y'.repeat(bigBytes);
    const stream = client.request({ ':method': 'POST' });
    stream.end(body);
    assert.equal((await read(stream)) === body, true);
  });

  it('tell of 1xx, and of 100 only to who waits for it', async () => {
    echo.onEach = (stream, head) => {
      if (head.path !== '/early') return null;
      stream.sendInformational(aResponse({ status: 103, headers: HeaderMap.from([['link', '</a>']]) }));
      stream.sendContinue();
      return new RecordedRequest(stream, head, false);
    };
    const request = client.request({ ':path': '/early', ':method': 'POST', expect: '100-continue' });
    const hints = once(request, 'headers');
    const goOn = once(request, 'continue');
    assert.equal((await hints)[0][':status'], 103);
    await goOn;
    request.close();
    await once(request, 'close');
    echo.onEach = null;
  });

  it('open a tunnel by extended CONNECT, and by CONNECT', async () => {
    echo.onEach = (stream, head) => {
      assert.equal(head.upgrade ?? head.method, head.path === '/chat' ? 'websocket' : 'CONNECT');
      stream.sendHead(aResponse({ status: head.upgrade === null ? 200 : 101 }), false);
      const request = new RecordedRequest(stream, head, true);
      request.onBytes = (text, end) => stream.sendData(Buffer.from(text.toUpperCase()), end);
      return request;
    };
    for (const extra of [{ ':path': '/chat', ':scheme': 'http', ':protocol': 'websocket' }, {}]) {
      const stream = client.request({ ':method': 'CONNECT', ':authority': 'a:80', ...extra });
      const [head] = (await once(stream, 'response')) as [{ ':status': number }];
      assert.equal(head[':status'], 200);
      stream.write('hello');
      assert.equal(String((await once(stream, 'data'))[0]), 'HELLO');
      stream.end();
      await once(stream, 'close');
    }
    echo.onEach = null;
  });

  it('tell of a reset in both directions', async () => {
    let seen: RecordedRequest | null = null;
    echo.onEach = (stream, head) => (seen = new RecordedRequest(stream, head, false));
    const cancelled = client.request({ ':method': 'POST' });
    cancelled.on('error', () => undefined);
    await eventually(() => assert.notEqual(seen, null));
    cancelled.close(http2.constants.NGHTTP2_CANCEL);
    await eventually(() => assert.deepEqual(seen?.aborted, { kind: 'streamReset', code: 'CANCEL' }));
    echo.onEach = (stream, head) => {
      queueMicrotask(() => stream.abort());
      return new RecordedRequest(stream, head, false);
    };
    const aborted = client.request({ ':method': 'POST' });
    const [error] = (await once(aborted, 'error')) as [Error];
    assert.match(error.message, /NGHTTP2_INTERNAL_ERROR/);
    echo.onEach = null;
  });

  it('end gracefully: what is under way is answered, then the connection closes', async () => {
    let last: RecordedRequest | null = null;
    echo.onEach = (stream, head) => (last = new RecordedRequest(stream, head, false));
    const stream = client.request({ ':method': 'POST' });
    await eventually(() => assert.notEqual(last, null));
    const goodbye = once(client, 'goaway');
    server.connections[0]?.drain();
    assert.deepEqual((await goodbye).slice(0, 2), [0, 2 ** 31 - 1]);
    (last as RecordedRequest | null)?.answer('done');
    assert.equal(await read(stream), 'done');
    await once(client, 'close');
  });
});

describe('our client and a server of node:http2', () => {
  const server = http2.createServer({ settings: { enableConnectProtocol: true, maxConcurrentStreams: 150 } });
  const recorder = new ClientRecorder();
  let onStream: (stream: ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void = () => undefined;
  let client: Http2ClientConnection;

  before(async () => {
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      onStream(stream as ServerHttp2Stream, headers);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = await connectHttp2((server.address() as AddressInfo).port, recorder);
  });
  after(() => {
    client.close();
    server.close();
  });

  const send = (changes: Parameters<typeof aRequest>[0], body: string) => {
    const answer = new RecordedResponse();
    const stream = client.open(answer);
    stream.sendHead(aRequest({ contentLength: body === '' ? 0 : -1, ...changes }), body === '');
    if (body !== '') stream.sendData(Buffer.from(body), true);
    return { stream, answer };
  };

  it('exchange heads, bodies and trailers', async () => {
    onStream = (stream, headers) => {
      assert.equal(headers[':path'], '/a?b');
      assert.equal(headers['x-from'], 'test');
      assert.equal(headers['connection'], undefined);
      stream.respond({ ':status': 201, 'x-answer': 'yes' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.pipe(stream);
    };
    const headers = HeaderMap.from([
      ['x-from', 'test'],
      ['connection', 'x'],
    ]);
    const { stream, answer } = send({ method: 'POST', path: '/a?b', headers }, 'some body');
    await eventually(() => assert.equal(answer.hasEnded, true));
    assert.equal(answer.head?.status, 201);
    assert.equal(answer.head?.headers.get('x-answer'), 'yes');
    assert.equal(answer.body, 'some body');
    assert.deepEqual(answer.trailers, [['grpc-status', '0']]);
    assert.ok(stream.bytesSent > 20 && stream.bytesReceived > 20);
  });

  it('carry as many streams as the server allows for', async () => {
    onStream = (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    };
    assert.equal(client.capacity, 150);
    const bodies = Array.from({ length: 100 }, (_, index) => `body ${index} `.repeat(index * 50 + 1));
    const all = bodies.map((body) => send({ method: 'POST' }, body).answer);
    assert.equal(client.capacity, 50);
    await eventually(() => assert.ok(all.every((answer) => answer.hasEnded)));
    assert.deepEqual(
      all.map((answer) => answer.body),
      bodies,
    );
    assert.equal(client.capacity, 150);
  });

  it('carry a large body to a consumer that pauses', async () => {
    onStream = (stream) => {
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(bigBytes, 'z'));
    };
    const { stream, answer } = send({}, '');
    let pauses = 0;
    answer.onData = function onData(bytes, end) {
      this.body += bytes.toString('latin1');
      this.hasEnded = end;
      if (++pauses % 10 !== 0) return;
      stream.pauseResponse();
      setImmediate(() => stream.resumeResponse());
    };
    await eventually(() => assert.equal(answer.hasEnded, true), 10_000);
    assert.equal(answer.body.length, bigBytes);
  });

  it('carry a large body up, held back by the windows', async () => {
    let received = 0;
    onStream = (stream) => {
      stream.on('data', (chunk: Buffer) => (received += chunk.length));
      stream.on('end', () => {
        stream.respond({ ':status': 200 }, { endStream: true });
      });
    };
    const answer = new RecordedResponse();
    const stream = client.open(answer);
    let left = bigBytes;
    const pump = () => {
      while (left > 0) {
        const size = Math.min(left, 50_000);
        left -= size;
        if (!stream.sendData(Buffer.alloc(size, 'w'), left === 0)) return;
      }
    };
    answer.onWritable = pump;
    stream.sendHead(aRequest({ method: 'PUT', contentLength: bigBytes }), false);
    pump();
    assert.ok(left > 0, 'it took the whole body at once');
    await eventually(() => assert.equal(answer.hasEnded, true));
    assert.equal(received, bigBytes);
  });

  it('tell of 1xx, and do without a body after HEAD', async () => {
    onStream = (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      stream.respond({ ':status': 200, 'content-length': 10 }, { endStream: true });
    };
    const { answer } = send({ method: 'HEAD' }, '');
    await eventually(() => assert.equal(answer.hasEnded, true));
    assert.deepEqual(answer.informational, [103]);
    assert.equal(answer.head?.contentLength, 10);
  });

  it('open a tunnel for an upgrade, which looks like one of HTTP/1.1', async () => {
    onStream = (stream, headers) => {
      assert.equal(headers[':protocol'], 'websocket');
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    };
    const answer = new RecordedResponse();
    const stream = client.open(answer);
    const headers = HeaderMap.from([['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ==']]);
    stream.sendHead(aRequest({ upgrade: 'websocket', headers }), true);
    await eventually(() => assert.equal(answer.head?.status, 101));
    assert.equal(answer.head?.headers.get('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    stream.sendData(Buffer.from('ping'), false);
    await eventually(() => assert.equal(answer.body, 'ping'));
    stream.sendData(Buffer.alloc(0), true);
    await eventually(() => assert.equal(answer.hasEnded, true));
  });

  it('tell of a refused stream and of a reset', async () => {
    onStream = (stream) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    const refused = send({}, '').answer;
    await eventually(() => assert.deepEqual(refused.aborted, { kind: 'refused' }));
    onStream = (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    const reset = send({}, '').answer;
    await eventually(() => assert.equal(reset.aborted?.kind, 'streamReset'));
  });

  it('drain: no new stream, those under way are done, then it closes', async () => {
    onStream = (stream) => {
      stream.respond({ ':status': 200 });
      setImmediate(() => stream.end('bye'));
    };
    const { answer } = send({}, '');
    client.drain();
    assert.equal(client.capacity, 0);
    await eventually(() => assert.equal(recorder.closed, 1));
    assert.equal(answer.body, 'bye');
    assert.equal(client.isClosed, true);
  });
});
