import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { PlainProxy } from './http1-proxy.fixture.ts';

/** node:http on both ends, our two connections between them. */
describe('the two connections between a node:http client and server', () => {
  const received = { aborted: 0 };
  const origin = http.createServer((request, response) => {
    response.on('close', () => {
      if (!response.writableEnded) received.aborted++;
    });
    request.on('error', () => {});
    if (request.url === '/slow') return;
    if (request.url === '/big') {
      response.end(Buffer.alloc(8_000_000, 'b'));
      return;
    }
    if (request.url === '/hints') response.writeEarlyHints({ link: '</x>; rel=preload' });
    if (request.url === '/early') {
      response.writeHead(413).end('no');
      return;
    }
    response.setHeader('x-method', request.method ?? '');
    response.setHeader('x-lines', JSON.stringify(request.rawHeaders));
    const hasTrailers = request.headers['x-chunked'] !== undefined;
    if (hasTrailers) response.setHeader('trailer', 'x-sum');
    else response.setHeader('content-length', request.headers['content-length'] ?? 0);
    const hash = createHash('sha256');
    request.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      response.write(chunk);
    });
    request.on('end', () => {
      if (hasTrailers) response.addTrailers({ 'x-sum': hash.digest('hex') });
      response.end();
    });
  });
  origin.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  let proxy: PlainProxy;
  let port = 0;
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

  before(async () => {
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    proxy = new PlainProxy((origin.address() as net.AddressInfo).port);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    port = (proxy.server.address() as net.AddressInfo).port;
  });
  after(() => {
    agent.destroy();
    proxy.close();
    origin.closeAllConnections();
    origin.close();
  });

  type Answer = { status: number; headers: http.IncomingHttpHeaders; body: Buffer; trailers: NodeJS.Dict<string> };
  async function request(options: http.RequestOptions, body: Buffer | null = null): Promise<Answer> {
    const sent = http.request({ port, host: '127.0.0.1', agent, ...options });
    if (body === null) sent.end();
    else if (options.headers !== undefined && 'content-length' in options.headers) sent.end(body);
    else {
      for (let at = 0; at < body.length; at += 7000) sent.write(body.subarray(at, at + 7000));
      sent.end();
    }
    const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const { statusCode: status = 0, headers, trailers } = response;
    return { status, headers, body: Buffer.concat(chunks), trailers };
  }

  it('carry hundreds of concurrent echoes of any size and framing, over few connections', async () => {
    const sizes = [0, 1, 100, 5000, 20_000, 60_000];
    const jobs = Array.from({ length: 300 }, async (_, i) => {
      const body = randomBytes(sizes[i % sizes.length] ?? 0);
      const isChunked = i % 2 === 0;
      const headers: http.OutgoingHttpHeaders = { 'x-id': `${i}` };
      if (isChunked) headers['x-chunked'] = '1';
      else headers['content-length'] = body.length;
      const answer = await request({ method: 'POST', path: `/echo/${i}`, headers }, body);
      assert.equal(answer.status, 200);
      assert.ok(answer.body.equals(body), `${i}: ${answer.body.length} of ${body.length}`);
      assert.match(String(answer.headers['x-lines']), new RegExp(`"x-id","${i}"`));
      if (isChunked) assert.equal(answer.trailers['x-sum'], createHash('sha256').update(body).digest('hex'));
    });
    await Promise.all(jobs);
    assert.ok(proxy.upstreamConnections <= 8, `${proxy.upstreamConnections} connections`);
  });

  it('carry HEAD, early hints and a bodiless POST', async () => {
    const head = await request({ method: 'HEAD', path: '/' });
    assert.deepEqual([head.status, head.headers['x-method'], head.body.length], [200, 'HEAD', 0]);
    const sent = http.get({ port, host: '127.0.0.1', path: '/hints', agent });
    let hint = 0;
    sent.on('information', (information: { statusCode: number }) => (hint = information.statusCode));
    const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
    assert.equal(hint, 103);
    response.resume();
    assert.equal((await request({ method: 'POST', path: '/' })).headers['x-method'], 'POST');
  });

  it('carry an answer that comes before the request is complete', async () => {
    const sent = http.request({ port, host: '127.0.0.1', method: 'POST', path: '/early', agent: false });
    sent.on('error', () => {});
    sent.write('start');
    const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    assert.deepEqual([response.statusCode, text], [413, 'no']);
    sent.destroy();
  });

  it('carry a tunnel', async () => {
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly ');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    await eventually(() => text.endsWith('early '));
    socket.write('late');
    await eventually(() => text.endsWith('\r\n\r\nearly late'));
    socket.destroy();
  });

  it('hold back a server whose client does not read', async () => {
    const socket = net.connect(port, '127.0.0.1');
    socket.pause();
    socket.write('GET /big HTTP/1.1\r\nHost: a\r\n\r\n');
    const busy = () => [...proxy.connections].find((each) => !each.isIdle)?.connection;
    await eventually(() => (busy()?.bytesWritten ?? 0) > 0);
    let before = -1;
    await eventually(
      () => {
        const now = busy()?.bytesWritten ?? 0;
        const isStuck = now === before;
        before = now;
        return isStuck;
      },
      10_000,
      100,
    );
    assert.ok(before < 8_000_000, `${before} bytes went`);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
    socket.resume();
    await eventually(() => bytes > 8_000_000);
    socket.destroy();
  });

  it('tell the server when the client goes away', async () => {
    const aborted = received.aborted;
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => [...proxy.connections].some((each) => !each.isIdle));
    socket.destroy();
    await eventually(() => received.aborted > aborted);
  });

  it('answer what is malformed with 400 and close, so that the client gets it', async () => {
    const socket = net.connect(port, '127.0.0.1');
    socket.write(
      `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n${'x'.repeat(50_000)}`,
    );
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    await once(socket, 'end');
    assert.match(text, /^HTTP\/1.1 400 Bad Request\r\n/);
    socket.destroy();
  });
});
