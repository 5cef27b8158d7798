/** SIGTERM: what is under way completes, what still comes is served and told to go elsewhere, then the process ends. */
import assert from 'node:assert/strict';
import { Agent, createServer, request, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, beforeEach, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { aCluster, aListener, StaticSidecar } from './sidecar-static.fixture.ts';
import { freePort } from '../support/free-port.ts';

const slowMs = 3000;
const drainMs = 5000;

type Answer = Readonly<{ status: number; body: string; connection: string | undefined }>;

function get(port: number, path: string, agent: Agent | false = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onAnswer = (response: IncomingMessage) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body, connection: response.headers.connection }),
      );
    };
    // Without an agent node:http asks for the connection to be closed, which the answer would repeat.
    const headers = agent === false ? { connection: 'keep-alive' } : {};
    request({ port, host: '127.0.0.1', path, agent, headers }, onAnswer).on('error', reject).end();
  });
}

describe('a sidecar that is told to end', () => {
  let app: Server;
  let slowArrivals = 0;
  let port = 0;
  let sidecar: StaticSidecar;

  before(async () => {
    app = createServer((message, response) => {
      if (message.url !== '/slow') return void response.end('fast');
      slowArrivals++;
      setTimeout(() => response.end('slow'), slowMs);
    });
    await new Promise<void>((done) => app.listen(0, '127.0.0.1', done));
  });

  after(() => {
    app.closeAllConnections();
    app.close();
  });

  beforeEach(async () => {
    slowArrivals = 0;
    port = await freePort();
    const bootstrap = {
      static_resources: {
        listeners: [aListener('inbound', port, 'app')],
        clusters: [aCluster('app', (app.address() as AddressInfo).port)],
      },
    };
    sidecar = await StaticSidecar.start(bootstrap, [port], {
      flags: ['--drain-seconds', String(drainMs / 1000)],
    });
  });

  afterEach(() => sidecar.stop());

  it('completes what is under way, serves new connections with Connection: close, and ends after the drain time', async () => {
    const slow = get(port, '/slow');
    await eventually(() => slowArrivals === 1);
    const begun = performance.now();
    sidecar.signal('SIGTERM');
    await eventually(() => sidecar.log.some(({ msg }) => msg === 'draining'));
    assert.deepEqual(await get(port, '/early'), { status: 200, body: 'fast', connection: 'close' });
    assert.deepEqual(await slow, { status: 200, body: 'slow', connection: 'close' });
    await sleep(4000 - (performance.now() - begun));
    assert.deepEqual(await get(port, '/late'), { status: 200, body: 'fast', connection: 'close' });
    assert.equal(await sidecar.exited, 0);
    const tookMs = performance.now() - begun;
    assert(tookMs >= drainMs && tookMs < drainMs + 2000, `ended after ${tookMs} ms`);
  });

  it('keep-alive clients reopen elsewhere: an idle connection still takes a request, and says close with its answer', async () => {
    const idle = await openIdle(port);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    assert.equal((await get(port, '/first', agent)).connection, undefined);
    sidecar.signal('SIGTERM');
    const second = await eventually(async () => {
      const answer = await get(port, '/second', agent);
      assert.equal(answer.connection, 'close');
      return answer;
    });
    assert.deepEqual(second, { status: 200, body: 'fast', connection: 'close' });
    const last = new Promise<string>((resolve) =>
      idle.once('data', (bytes: Buffer) => resolve(bytes.toString('latin1'))),
    );
    const closed = new Promise((resolve) => idle.once('close', resolve));
    idle.write('GET /late HTTP/1.1\r\nHost: app\r\n\r\n');
    assert.match(await last, /^HTTP\/1\.1 200 .*connection: close/is);
    await closed;
    agent.destroy();
  });
});

/** A connection that has had one answer and waits. */
async function openIdle(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  const answered = new Promise((resolve) => socket.once('data', resolve));
  socket.write('GET / HTTP/1.1\r\nHost: app\r\n\r\n');
  await answered;
  return socket;
}
