import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FakeClock, systemClock, type Clock } from '#shared/runtime/clock.ts';
import { describeError, MeshError } from '#shared/runtime/mesh-error.ts';
import type { Connection } from '../transport/transport.ts';
import { dial, type DialTarget } from './dialer.ts';
import { SocketCalls } from './listening-socket.ts';
import { WorkloadSecrets } from './secret-store.ts';
import { TlsContext } from './tls-contexts.ts';
import { listenRaw, meshTls } from './tls.fixture.ts';

const cleanUps: (() => void)[] = [];
after(() => {
  for (const cleanUp of cleanUps) cleanUp();
});

const aTarget = (port: number, changes: Partial<DialTarget> = {}): DialTarget => ({
  address: '127.0.0.1',
  port,
  sourceAddress: null,
  connectTimeoutMs: 5_000,
  keepAlive: null,
  tls: null,
  ...changes,
});

function dialTo(target: DialTarget, clock: Clock = systemClock) {
  const outcome = Promise.withResolvers<Connection | MeshError>();
  const cancel = dial(target, clock, {
    onConnected: (connection) => {
      cleanUps.push(() => connection.destroy());
      outcome.resolve(connection);
    },
    onFailed: outcome.resolve,
  });
  return { cancel, outcome: outcome.promise };
}

async function serve() {
  const accepted: Socket[] = [];
  const server = await listenRaw((socket) => accepted.push(socket));
  cleanUps.push(server.close);
  return { ...server, accepted };
}

const codeOf = (outcome: Connection | MeshError) => (outcome instanceof MeshError ? outcome.code : 'connected');

const notRoot = process.getuid?.() === 0 ? false : 'needs root';

test('connects in the name of another, whose address need not be of this host', { skip: notRoot }, async () => {
  const { port, accepted } = await serve();
  const calls = await SocketCalls.load();
  assert.ok(calls !== null);
  const openSocket = () => calls.openInNameOf({ address: '127.9.9.9', mark: 7 });
  const { outcome } = dialTo(aTarget(port, { sourceAddress: '127.0.0.6', openSocket }));
  const connection = await outcome;
  assert.ok(!(connection instanceof MeshError), String(connection));
  assert.deepEqual([connection.localAddress, accepted[0]?.remoteAddress], ['127.9.9.9', '127.9.9.9']);
  const received = Promise.withResolvers<string>();
  accepted[0]?.on('data', (bytes) => received.resolve(bytes.toString())).resume();
  connection.write(Buffer.from('hello'));
  assert.equal(await received.promise, 'hello');
});

test('a socket that cannot be opened is a connection that failed, and says why', async () => {
  const openSocket = () => {
    throw new MeshError('permission', 'cannot connect in the name of 10.0.0.1');
  };
  const outcome = await dialTo(aTarget(1, { openSocket })).outcome;
  assert.ok(outcome instanceof MeshError);
  assert.equal(outcome.code, 'connect_refused');
  assert.match(describeError(outcome), /in the name of 10\.0\.0\.1/);
});

test('connects in plaintext, from the source address that is wanted', async () => {
  const { port, accepted } = await serve();
  const { outcome } = dialTo(aTarget(port, { sourceAddress: '127.0.0.6', keepAlive: { idleSeconds: 60 } }));
  const connection = await outcome;
  assert.ok(!(connection instanceof MeshError));
  assert.deepEqual([connection.tls, connection.localAddress, connection.remotePort], [null, '127.0.0.6', port]);
  assert.equal(accepted[0]?.remoteAddress, '127.0.0.6');
});

test('what a server says at once is not lost', async () => {
  const said = Promise.withResolvers<void>();
  const server = await listenRaw((socket) => socket.end('220 ready\r\n', said.resolve));
  cleanUps.push(server.close);
  const connection = await dialTo(aTarget(server.port)).outcome;
  assert.ok(!(connection instanceof MeshError));
  await said.promise;
  let text = '';
  await new Promise<void>((resolve) =>
    connection.setHandler({
      onData: (bytes) => (text += bytes.toString()),
      onDrain: () => undefined,
      onEnd: resolve,
      onClose: () => undefined,
    }),
  );
  assert.equal(text, '220 ready\r\n');
});

test('a connection that was paused reads on where it stopped, and tells when its peer goes away', async () => {
  const size = 4 << 20;
  const server = await listenRaw((socket) => socket.write(Buffer.alloc(size, 'x'), () => socket.resetAndDestroy()));
  cleanUps.push(server.close);
  const connection = await dialTo(aTarget(server.port)).outcome;
  assert.ok(!(connection instanceof MeshError));
  let received = 0;
  await new Promise<void>((resolve) =>
    connection.setHandler({
      onData: (bytes) => {
        received += bytes.length;
        connection.pause();
        setImmediate(() => connection.resume());
      },
      onDrain: () => undefined,
      onEnd: () => undefined,
      onClose: () => resolve(),
    }),
  );
  assert.ok(received > 0 && received <= size, String(received));
  assert.ok(connection.bytesRead >= received);
});

test('a source address of another family is not used', async () => {
  const { port } = await serve();
  assert.equal(codeOf(await dialTo(aTarget(port, { sourceAddress: '::6' })).outcome), 'connected');
});

test('connects to unix sockets when the port is 0', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dialer-'));
  const path = join(folder, 'app.sock');
  const server = createServer((socket) => socket.destroy()).listen(path);
  await once(server, 'listening');
  assert.equal(codeOf(await dialTo(aTarget(0, { address: path })).outcome), 'connected');
  assert.equal(codeOf(await dialTo(aTarget(0, { address: `${path}.none` })).outcome), 'connect_refused');
  server.close();
  rmSync(folder, { recursive: true });
});

test('where nothing listens the connection is refused', async () => {
  const { port, close } = await serve();
  close();
  assert.equal(codeOf(await dialTo(aTarget(port)).outcome), 'connect_refused');
});

const tlsOf = () => {
  const secrets = new WorkloadSecrets({
    workload: { current: () => null, subscribe: () => () => undefined },
    clock: systemClock,
    onProblem: () => undefined,
  });
  return { context: new TlsContext({ ...meshTls(), certificates: [], validation: null }, secrets), serverName: null };
};

test('the time covers the TLS handshake', async () => {
  const { port, accepted } = await serve();
  const clock = new FakeClock();
  const { outcome } = dialTo(aTarget(port, { tls: tlsOf() }), clock);
  while (accepted.length === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(5_000);
  assert.equal(codeOf(await outcome), 'connect_timeout');
});

test('a peer that speaks no TLS, or goes away during the handshake, is told apart', async () => {
  const rude = await listenRaw((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const silent = await listenRaw((socket) => socket.resetAndDestroy());
  cleanUps.push(rude.close, silent.close);
  assert.equal(codeOf(await dialTo(aTarget(rude.port, { tls: tlsOf() })).outcome), 'tls_handshake');
  assert.equal(codeOf(await dialTo(aTarget(silent.port, { tls: tlsOf() })).outcome), 'connection_reset');
});

test('cancelled, nothing is told and the socket is closed', async () => {
  const { port, accepted } = await serve();
  const clock = new FakeClock();
  const { cancel, outcome } = dialTo(aTarget(port), clock);
  cancel();
  let isTold = false;
  void outcome.then(() => (isTold = true));
  assert.equal(codeOf(await dialTo(aTarget(port)).outcome), 'connected');
  assert.deepEqual([isTold, clock.pending], [false, 0]);
  // The one that was cancelled, if it came so far.
  if (accepted.length > 1) await once(accepted[0]!.resume(), 'close');
});
