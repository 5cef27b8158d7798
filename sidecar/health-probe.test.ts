import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type Server as HttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { Server as GrpcServer, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { FakeClock } from '#shared/runtime/clock.ts';
import { eventually } from '../test/support/eventually.ts';
import { judgeProbe, startProbe, type ProbeState } from './health-probe.ts';
import { defaultProbe, type Probe } from './snapshot/listener.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function listen(server: Server | HttpServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  cleanUps.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** Probes by a fake clock; `told` is what the control plane would hear. */
function probe(fields: Partial<Probe> & Pick<Probe, 'kind' | 'port'>) {
  const clock = new FakeClock();
  const told: string[] = [];
  const target: Probe = { ...defaultProbe, initialDelayMs: 0, periodMs: 1000, timeoutMs: 2000, ...fields };
  const stop = startProbe(target, clock, (isHealthy, message) => told.push(isHealthy ? 'healthy' : message));
  cleanUps.push(stop);
  /** One more look: when the timer of the next one is set, this one is judged. */
  const look = async () => {
    await eventually(() => clock.pending === 1);
    clock.advance(1000);
    await eventually(() => clock.pending === 1);
  };
  return { told, look, clock, stop };
}

describe('a probe over HTTP', () => {
  test('tells the first result and each change, and sends its path and headers', async () => {
    let status = 204;
    const asked: IncomingMessage[] = [];
    const port = await listen(
      createHttpServer((request, response) => {
        asked.push(request);
        response.writeHead(status).end();
      }),
    );
    const { told, look } = probe({
      kind: 'http',
      port,
      path: '/ready?x',
      headers: { 'x-probe': 'yes' },
      failureThreshold: 2,
      successThreshold: 1,
    });
    await look();
    await look();
    assert.deepEqual(told, ['healthy']);
    assert.deepEqual([asked[0]?.url, asked[0]?.headers['x-probe']], ['/ready?x', 'yes']);
    status = 500;
    await look();
    assert.deepEqual(told, ['healthy']);
    await look();
    assert.deepEqual(told, ['healthy', '/ready?x answered 500']);
    status = 302;
    await look();
    assert.deepEqual(told, ['healthy', '/ready?x answered 500', 'healthy']);
  });

  test('an application that does not answer in time is not healthy', async () => {
    const port = await listen(createHttpServer(() => undefined));
    const { told, look } = probe({ kind: 'http', port, timeoutMs: 30 });
    await look();
    assert.deepEqual(told, ['no answer in 30 ms']);
  });
});

describe('a probe over TCP', () => {
  test('a connection is enough; none is told with its reason', async () => {
    const server = createServer();
    const port = await listen(server);
    const good = probe({ kind: 'tcp', port });
    await good.look();
    assert.deepEqual(good.told, ['healthy']);
    good.stop();
    server.close();
    await once(server, 'close');
    const bad = probe({ kind: 'tcp', port });
    await bad.look();
    assert.match(bad.told.join(), /ECONNREFUSED/);
  });
});

describe('a probe over gRPC', () => {
  const path = '/grpc.health.v1.Health/Check';
  const plain = (bytes: Buffer) => bytes;

  async function aHealthServer(answer: (service: Buffer) => Buffer): Promise<number> {
    const server = new GrpcServer();
    const definition = {
      Check: {
        path,
        requestStream: false,
        responseStream: false,
        requestSerialize: plain,
        requestDeserialize: plain,
        responseSerialize: plain,
        responseDeserialize: plain,
      },
    };
    server.addService(definition, {
      Check: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) =>
        callback(null, answer(call.request)),
    });
    cleanUps.push(() => server.forceShutdown());
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
    return await promise;
  }

  test('SERVING is healthy, anything else is told by its number', async () => {
    let status = 1;
    const asked: Buffer[] = [];
    const port = await aHealthServer((service) => {
      asked.push(service);
      return Buffer.from([0x08, status]);
    });
    const { told, look } = probe({ kind: 'grpc', port, service: 'orders', failureThreshold: 1, timeoutMs: 5000 });
    await look();
    status = 2;
    await look();
    assert.deepEqual(told, ['healthy', 'gRPC health status 2']);
    assert.deepEqual(asked[0], Buffer.from('\n\x06orders'));
  });

  test('the name of a service may be longer than a byte of length can say', async () => {
    const asked: Buffer[] = [];
    const port = await aHealthServer((service) => {
      asked.push(service);
      return Buffer.from([0x08, 1]);
    });
    const service = 'a'.repeat(300);
    const { told, look } = probe({ kind: 'grpc', port, service, failureThreshold: 1, timeoutMs: 5000 });
    await look();
    assert.deepEqual(told, ['healthy']);
    assert.deepEqual(asked[0], Buffer.concat([Buffer.from([0x0a, 0xac, 0x02]), Buffer.from(service)]));
  });
});

test('a probe that was stopped tells nothing more', async () => {
  const port = await listen(createServer());
  const { told, clock, stop } = probe({ kind: 'tcp', port });
  clock.advance(0);
  stop();
  await eventually(() => clock.pending === 0);
  clock.advance(10_000);
  assert.deepEqual(told, []);
});

test('thresholds count results of one kind in a row', () => {
  let state: ProbeState = { told: null, failures: 0, successes: 0 };
  const limits = { failureThreshold: 3, successThreshold: 2 };
  const verdicts = ['bad', null, 'bad', null, null, 'bad', 'bad', null, 'bad', 'bad', 'bad'].map((problem) => {
    const [next, verdict] = judgeProbe(state, problem, limits);
    state = next;
    return verdict;
  });
  assert.deepEqual(verdicts, [false, null, null, null, true, null, null, null, null, null, false]);
});
