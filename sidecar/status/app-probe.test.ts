import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { createServer as createHttp2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { askApp } from './app-probe.ts';
import { aDeafPort, anApp, listen } from './app.fixture.ts';
import { aRoot, aWorkloadLeaf } from '../../test/support/certificates.ts';

type Http = Extract<Parameters<typeof askApp>[0]['prober'], { kind: 'http' }>;

const http = (port: number, fields: Partial<Http> = {}): Http => ({
  kind: 'http',
  port,
  path: '/ready?full',
  isTls: false,
  headers: [],
  timeoutMs: 2000,
  ...fields,
});
const ask = async (prober: Parameters<typeof askApp>[0]['prober'], headers: IncomingMessage['headers'] = {}) => {
  const { status, body, problem } = await askApp({ prober, host: '127.0.0.1', statusPort: 15_020, headers });
  return { status, body: body.toString(), problem };
};

test('an answer is handed on with its status and body, and the application is asked in the words of the kubelet', async () => {
  const asked: IncomingMessage[] = [];
  const from: (string | undefined)[] = [];
  const port = await anApp((request, response) => {
    asked.push(request);
    from.push(request.socket.remoteAddress);
    response.writeHead(418).end('short and stout');
  });
  const headers = {
    host: '10.0.0.7:15020',
    'user-agent': 'kube-probe/1.29',
    connection: 'close',
    'x-a': 'from the kubelet',
  };
  const prober = http(port, {
    headers: [
      ['X-A', 'declared'],
      ['X-B', 'declared'],
    ],
  });
  assert.deepEqual(await ask(prober, headers), { status: 418, body: 'short and stout', problem: null });
  const [{ url, headers: got } = assert.fail()] = asked;
  assert.deepEqual(
    {
      url,
      host: got.host,
      agent: got['user-agent'],
      a: got['x-a'],
      b: got['x-b'],
      from: process.platform === 'linux' ? from : ['127.0.0.6'],
    },
    {
      url: '/ready?full',
      host: `10.0.0.7:${port}`,
      agent: 'kube-probe/1.29',
      a: 'from the kubelet',
      b: 'declared',
      from: ['127.0.0.6'],
    },
  );
});

test('a Host of the probe itself goes to the application as it is', async () => {
  const hosts: (string | undefined)[] = [];
  const port = await anApp((request, response) => {
    hosts.push(request.headers.host);
    response.end();
  });
  await ask(http(port), { host: 'shop.example' });
  await ask(http(port, { headers: [['Host', 'declared.example']] }), { host: '10.0.0.7:15020' });
  assert.deepEqual(hosts, ['shop.example', 'declared.example']);
});

test('redirects are followed on the same host; one that leads elsewhere is a success', async () => {
  const seen: (string | undefined)[] = [];
  const port: number = await anApp(({ url, headers }, response) => {
    seen.push(url);
    const to = { '/ready?full': '/next', '/away': 'http://elsewhere.example/', '/self': '/self', '/port': '' }[
      url ?? ''
    ];
    if (url === '/next') return void response.writeHead(503).end(headers.host);
    response.writeHead(302, to === undefined ? {} : { location: to }).end();
  });
  assert.deepEqual(await ask(http(port)), { status: 503, body: `127.0.0.1:${port}`, problem: null });
  assert.deepEqual(await ask(http(port, { path: '/away' })), { status: 200, body: '', problem: null });
  assert.deepEqual(await ask(http(port, { path: '/nowhere' })), { status: 200, body: '', problem: null });
  seen.length = 0;
  assert.deepEqual(await ask(http(port, { path: '/self' })), {
    status: 500,
    body: '',
    problem: 'stopped after 10 redirects',
  });
  assert.equal(seen.length, 11);
});

test('an application that is silent, slow or gone is 500, with the reason', async () => {
  const port = await anApp((request, response) => {
    if (request.url === '/half') response.write('half');
  });
  const answer = { status: 500, body: '' };
  assert.deepEqual(await ask(http(port, { timeoutMs: 50 })), { ...answer, problem: 'no answer in 50 ms' });
  assert.deepEqual(await ask(http(port, { timeoutMs: 50, path: '/half' })), {
    ...answer,
    problem: 'no answer in 50 ms',
  });
  const gone = await ask(http(await aDeafPort()));
  assert.deepEqual({ ...gone, problem: /ECONNREFUSED/.test(gone.problem ?? '') }, { ...answer, problem: true });
});

test('the certificate of an application that is asked over TLS is not looked at', async () => {
  const leaf = aWorkloadLeaf(aRoot(), { spiffeId: 'spiffe://elsewhere/ns/a/sa/b' });
  const server = createTlsServer({ key: leaf.keyPem, cert: leaf.pem }, (_request, response) => response.end('secret'));
  const port = await listen(server);
  assert.deepEqual(await ask(http(port, { isTls: true })), { status: 200, body: 'secret', problem: null });
});

test('a long answer is cut', async () => {
  const port = await anApp((_request, response) => response.end('x'.repeat(100_000)));
  const { status, body } = await ask(http(port));
  assert.deepEqual([status, body.length], [200, 10 * 1024]);
});

test('a TCP connection is enough', async () => {
  const port = await listen(createTcpServer((socket) => socket.destroy()));
  assert.deepEqual(await ask({ kind: 'tcp', port, timeoutMs: 1000 }), { status: 200, body: '', problem: null });
  assert.equal((await ask({ kind: 'tcp', port: await aDeafPort(), timeoutMs: 1000 })).status, 500);
});

test('gRPC health: SERVING alone is healthy, and what fails is told by its status', async () => {
  const asked: IncomingHttpHeaders[] = [];
  let reply: { body: number[]; status: string } = { body: [0, 0, 0, 0, 2, 8, 1], status: '0' };
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    asked.push(headers);
    stream.resume();
    stream.on('end', () => {
      const { body, status } = reply;
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, 'grpc-message': 'why' }));
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.end(Buffer.from(body));
    });
  });
  const port = await listen(server);
  const prober = { kind: 'grpc', port, service: 'shop', timeoutMs: 2000 } as const;
  assert.deepEqual(await ask(prober, { 'user-agent': 'kube-probe/1.29' }), { status: 200, body: '', problem: null });
  const [{ ':path': path, 'user-agent': agent, te } = assert.fail()] = asked;
  assert.deepEqual(
    { path, agent, te },
    { path: '/grpc.health.v1.Health/Check', agent: 'kube-probe/1.29', te: 'trailers' },
  );
  reply = { body: [0, 0, 0, 0, 2, 8, 2], status: '0' };
  assert.equal((await ask(prober)).problem, 'gRPC health status 2');
  reply = { body: [], status: '12' };
  assert.equal((await ask(prober)).problem, 'the question failed: gRPC 12 why');
});
