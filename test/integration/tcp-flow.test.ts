/** Long streams through two sidecars with mutual TLS between them: slow readers, half-closed connections, WebSockets. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { aRoot, aWorkloadLeaf } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { aCluster, aListener, aTcpListener, mutualTls, StaticSidecar } from './sidecar-static.fixture.ts';
import { aWebSocketServer } from './websocket.fixture.ts';
import { freePort } from '../support/free-port.ts';

const megabyte = 1024 * 1024;
const megabytes = 50;
const chunk = randomBytes(megabyte);
const chunkHash = hashOf(Array.from({ length: megabytes }, () => chunk));

const clientId = 'spiffe://cluster.local/ns/shop/sa/client';
const serverId = 'spiffe://cluster.local/ns/shop/sa/server';
const root = aRoot();
const towards = mutualTls('Upstream', aWorkloadLeaf(root, { spiffeId: clientId }), { root, peers: [serverId] });
const from = mutualTls('Downstream', aWorkloadLeaf(root, { spiffeId: serverId }), { root, peers: [clientId] });

function hashOf(parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Sends the stream a megabyte at a time; `sent` is what the system took. */
function sendAll(socket: Socket): { sent: number } {
  const progress = { sent: 0 };
  const next = () => {
    if (progress.sent === megabytes) return void socket.end();
    socket.write(chunk, (error) => {
      if (error !== undefined && error !== null) return;
      progress.sent++;
      next();
    });
  };
  next();
  return progress;
}

/** Reads to the end, a little at a time. */
async function readSlowly(socket: Socket): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of socket.iterator({ destroyOnReturn: false })) {
    hash.update(bytes as Buffer);
    await new Promise((done) => setImmediate(done));
  }
  return hash.digest('hex');
}

async function listen(server: Server | HttpServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('long streams through two sidecars', { timeout: 60_000 }, () => {
  const websockets = aWebSocketServer();
  const accepted: Socket[] = [];
  const app = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    // Read by hand, from the first word on.
    socket.on('readable', () => undefined);
    accepted.push(socket);
  });
  const started: StaticSidecar[] = [];
  let ports: Readonly<{ tcp: number; http: number; idle: number }>;

  before(async () => {
    const manager = { upgrade_configs: [{ upgrade_type: 'websocket' }], stream_idle_timeout: '0s' };
    const inner = { tcp: await freePort(), http: await freePort() };
    ports = { tcp: await freePort(), http: await freePort(), idle: await freePort() };
    const server = {
      listeners: [
        aTcpListener('in-tcp', inner.tcp, 'app', { transport: from }),
        aListener('in-http', inner.http, 'websockets', { manager, transport: from }),
      ],
      clusters: [aCluster('app', await listen(app)), aCluster('websockets', await listen(websockets))],
    };
    const client = {
      listeners: [
        aTcpListener('tcp', ports.tcp, 'tcp'),
        aListener('http', ports.http, 'http', { manager }),
        aListener('idle', ports.idle, 'http', { manager: { ...manager, stream_idle_timeout: '0.3s' } }),
      ],
      clusters: [aCluster('tcp', inner.tcp, towards), aCluster('http', inner.http, towards)],
    };
    started.push(await StaticSidecar.start({ static_resources: server }, Object.values(inner)));
    started.push(await StaticSidecar.start({ static_resources: client }, Object.values(ports)));
  });
  after(async () => {
    for (const sidecar of started) await sidecar.stop();
    for (const socket of accepted) socket.destroy();
    app.close();
    websockets.close();
    websockets.closeAllConnections();
  });

  /** A connection, and its other end beside the application: the one that hears its first word. */
  async function aPair(): Promise<Readonly<{ near: Socket; far: Socket }>> {
    const near = connect({ port: ports.tcp, host: '127.0.0.1', allowHalfOpen: true });
    near.on('error', () => undefined);
    near.write('!');
    const far = await eventually(() => {
      const found = accepted.find((socket) => socket.read(1) !== null);
      assert.ok(found !== undefined);
      return found;
    });
    far.removeAllListeners('readable');
    return { near, far };
  }

  const resident = async () => Math.max(...(await Promise.all(started.map((sidecar) => sidecar.residentBytes()))));

  for (const direction of ['down', 'up'] as const) {
    it(`a slow reader of ${megabytes} MB holds its sender back, at the other end, and misses nothing (${direction})`, async () => {
      const { near, far } = await aPair();
      const [sender, reader] = direction === 'up' ? [near, far] : [far, near];
      const before_ = await resident();
      const progress = sendAll(sender);
      let last = -1;
      await eventually(() => last === (last = progress.sent), 10_000, 300);
      assert.ok(progress.sent < megabytes, `${progress.sent} MB went, and nobody read`);
      const grown = (await resident()) - before_;
      assert.ok(grown < 24 * megabyte, `${Math.round(grown / megabyte)} MB are held`);
      assert.equal(await readSlowly(reader), chunkHash);
      assert.equal(progress.sent, megabytes);
      // The way back is still open.
      reader.end('thanks');
      sender.resume();
      const [thanks] = (await once(sender, 'data')) as [Buffer];
      assert.equal(String(thanks), 'thanks');
    });
  }

  it('a WebSocket speaks both ways, and both sides agree on its end', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${ports.http}/chat`);
    const heard: string[] = [];
    socket.addEventListener('message', ({ data }) => heard.push(String(data)));
    await once(socket, 'open');
    const said = Array.from({ length: 20 }, (_, n) => `${n} `.repeat(1 + 400 * n));
    for (const text of said) socket.send(text);
    await eventually(() => heard.length === 21);
    assert.deepEqual(heard, ['welcome', ...said]);
    socket.close(1000, 'enough');
    const [{ code, wasClean }] = (await once(socket, 'close')) as [CloseEvent];
    assert.deepEqual([code, wasClean], [1000, true]);
  });

  it('a WebSocket that is silent for longer than the stream idle timeout ends', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${ports.idle}/chat`);
    await once(socket, 'open');
    const openedAt = performance.now();
    const [{ wasClean }] = (await once(socket, 'close')) as [CloseEvent];
    assert.equal(wasClean, false);
    assert.ok(performance.now() - openedAt > 250);
  });
});
