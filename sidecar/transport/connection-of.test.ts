import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import tls from 'node:tls';
import { aRoot, aWorkloadLeaf } from '../../test/support/certificates.ts';
import { eventually } from '../../test/support/eventually.ts';
import { connectionOf, useTransport, type TransportKind } from './connection-of.ts';
import { probeDirect } from './direct-probe.ts';
import type { ConnectionOptions } from './socket-connection.ts';
import { ReadInlet } from './read-inlet.ts';
import type { Connection, ConnectionHandler } from './transport.ts';

class Recorder implements ConnectionHandler {
  text = '';
  bytes = 0;
  reads = 0;
  drains = 0;
  ends = 0;
  closes: (Error | null)[] = [];
  onBytes: ((bytes: Buffer) => void) | null = null;

  onData(bytes: Buffer): void {
    this.reads++;
    this.bytes += bytes.length;
    if (this.text.length < 1000) this.text += bytes.toString('latin1');
    this.onBytes?.(bytes);
  }
  onDrain(): void {
    this.drains++;
  }
  onEnd(): void {
    this.ends++;
  }
  onClose(error: Error | null): void {
    this.closes.push(error);
  }
}

type Pair = { client: Connection; server: Connection; clientSide: Recorder; serverSide: Recorder };
type Kind = 'plain' | 'plain with an inlet' | 'TLS' | 'TLS with an inlet';

const root = aRoot();
const leaf = aWorkloadLeaf(root);
const open: (net.Socket | net.Server)[] = [];
after(() => {
  for (const each of open) if (each instanceof net.Server) each.close();
  for (const each of open) if (each instanceof net.Socket) each.destroy();
});

async function sockets(kind: Kind): Promise<[client: net.Socket, server: net.Socket, inlet: ReadInlet | undefined]> {
  const isTls = kind.startsWith('TLS');
  const server = isTls
    ? tls.createServer({ key: leaf.keyPem, cert: leaf.pem, allowHalfOpen: true })
    : net.createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const inlet = kind.endsWith('inlet') ? new ReadInlet() : undefined;
  const options = { port, host: '127.0.0.1', allowHalfOpen: true, ...(inlet && { onread: inlet.onread }) };
  const accepted = once(server, isTls ? 'secureConnection' : 'connection') as Promise<[net.Socket]>;
  const client = isTls ? tls.connect({ ...options, rejectUnauthorized: false }) : net.connect(options);
  await once(client, isTls ? 'secureConnect' : 'connect');
  const [socket] = await accepted;
  open.push(server, client, socket);
  server.close();
  return [client, socket, inlet];
}

async function aPair(kind: Kind, options: ConnectionOptions = {}): Promise<Pair> {
  const [clientSocket, serverSocket, inlet] = await sockets(kind);
  const client = connectionOf(clientSocket, null, { ...options, inlet });
  const server = connectionOf(serverSocket, null, options);
  const clientSide = new Recorder();
  const serverSide = new Recorder();
  client.setHandler(clientSide);
  server.setHandler(serverSide);
  return { client, server, clientSide, serverSide };
}

const kinds = ['plain', 'plain with an inlet', 'TLS', 'TLS with an inlet'] as const;
const transports = ['streams', 'direct'] as const;

it('finds that the direct transport works here', async () => {
  assert.equal(await probeDirect(), null);
});

for (const transport of transports) for (const kind of kinds) suiteOf(transport, kind);

function suiteOf(transport: TransportKind, kind: Kind): void {
  describe(`a connection on ${transport}: ${kind}`, () => {
    before(() => useTransport(transport));

    it('carries bytes both ways and counts them when they are written', async () => {
      const { client, server, clientSide, serverSide } = await aPair(kind);
      client.write(Buffer.from('ping'));
      assert.equal(client.bytesWritten, 0);
      await eventually(() => serverSide.text === 'ping');
      server.write(Buffer.from('pong'));
      await eventually(() => clientSide.text === 'pong');
      assert.deepEqual([client.bytesWritten, client.bytesRead, server.bytesRead], [4, 4, 4]);
      assert.deepEqual([client.localPort, client.remoteAddress], [server.remotePort, '127.0.0.1']);
    });

    it('writes the output of one turn at once', async () => {
      const { client, serverSide } = await aPair(kind);
      for (let i = 0; i < 50; i++) client.write(Buffer.from('x'));
      await eventually(() => serverSide.bytes === 50);
      assert.equal(serverSide.reads, 1);
    });

    it('keeps large output in order', async () => {
      const { client, serverSide } = await aPair(kind);
      const parts = Array.from({ length: 40 }, (_, i) => Buffer.alloc(10_000, i));
      const whole = Buffer.concat(parts);
      let seen = 0;
      serverSide.onBytes = (bytes) => {
        assert.ok(bytes.equals(whole.subarray(seen, seen + bytes.length)));
        seen += bytes.length;
      };
      for (const part of parts) client.write(part);
      await eventually(() => seen === whole.length);
      assert.equal(client.bytesWritten, whole.length);
    });

    it('copies what is only lent to it, whatever its size, and keeps the order with what is not', async () => {
      const { client, serverSide } = await aPair(kind);
      const sizes = [
        1, 100, 8192, 20_000, 30_000, 65_536, 7, 65_537, 16_384, 16_384, 16_384, 16_384, 16_384, 200_000, 3,
      ];
      const parts = sizes.map((size, i) => Buffer.alloc(size, i + 1));
      const whole = Buffer.concat([...parts, ...parts]);
      let seen = 0;
      serverSide.onBytes = (bytes) => {
        assert.ok(bytes.equals(whole.subarray(seen, seen + bytes.length)));
        seen += bytes.length;
      };
      for (const [i, part] of [...parts, ...parts].entries()) {
        if (i % 4 === 3) {
          client.write(part);
        } else {
          const lent = Buffer.from(part);
          client.relay(lent);
          lent.fill(0);
        }
        if (i % 5 === 4) await turn();
      }
      await eventually(() => seen === whole.length);
      assert.equal(client.bytesWritten, whole.length);
      assert.equal(client.bytesQueued, 0);
    });

    it('says stop above the mark, and goes on after the drain', async () => {
      const { client, server, clientSide, serverSide } = await aPair(kind, { highWaterMark: 100_000 });
      server.pause();
      let sent = 0;
      while (client.write(Buffer.alloc(50_000))) sent += 50_000;
      sent += 50_000;
      assert.equal(sent, 100_000);
      server.resume();
      await eventually(() => serverSide.bytes === sent && clientSide.drains === 1);
      assert.equal(client.write(Buffer.from('x')), true);
    });

    it('holds bytes back while paused', async () => {
      const { client, server, serverSide } = await aPair(kind);
      server.pause();
      client.write(Buffer.from('a'));
      for (let i = 0; i < 20; i++) await turn();
      assert.equal(serverSide.text, '');
      server.resume();
      await eventually(() => serverSide.text === 'a');
    });

    it('hands over with bytes put back, in order', async () => {
      const { client, server, clientSide } = await aPair(kind);
      const next = new Recorder();
      clientSide.onBytes = (bytes) => {
        client.unread(bytes.subarray(2));
        client.setHandler(next);
        assert.equal(next.text, '');
      };
      server.write(Buffer.from('hello'));
      await eventually(() => next.text === 'llo');
      server.write(Buffer.from(' world'));
      await eventually(() => next.text === 'llo world');
      assert.equal(clientSide.text, 'hello');
    });

    it('closes half: flushes, then the other side may go on', async () => {
      const { client, server, clientSide, serverSide } = await aPair(kind);
      client.write(Buffer.from('last'));
      client.end();
      assert.equal(client.write(Buffer.from('too late')), false);
      await eventually(() => serverSide.ends === 1);
      assert.equal(serverSide.text, 'last');
      server.write(Buffer.from('answer'));
      await eventually(() => clientSide.text === 'answer');
      server.end();
      await eventually(() => clientSide.closes.length === 1 && serverSide.closes.length === 1);
      assert.deepEqual([clientSide.closes, serverSide.closes, clientSide.ends], [[null], [null], 1]);
    });

    it('is closed once by destroy', async () => {
      const { client, clientSide, serverSide } = await aPair(kind);
      const error = new Error('why');
      client.destroy(error);
      client.destroy();
      assert.equal(client.isClosed, true);
      await eventually(() => clientSide.closes.length === 1 && serverSide.ends + serverSide.closes.length > 0);
      assert.deepEqual(clientSide.closes, [error]);
    });

    it('tells a handler that comes too late', async () => {
      const { client, clientSide } = await aPair(kind);
      client.destroy();
      await eventually(() => clientSide.closes.length === 1);
      const late = new Recorder();
      client.setHandler(late);
      await eventually(() => late.closes.length === 1);
    });
  });
}

for (const transport of transports) {
  describe(`a connection on ${transport}`, () => {
    before(() => useTransport(transport));

    it('keeps what comes before there is a handler', async () => {
      for (const kind of ['plain', 'plain with an inlet'] as const) {
        const [clientSocket, serverSocket, inlet] = await sockets(kind);
        serverSocket.write('early');
        await turn();
        const client = connectionOf(clientSocket, null, { inlet });
        for (let i = 0; i < 20; i++) await turn();
        const recorder = new Recorder();
        client.setHandler(recorder);
        serverSocket.write(' late');
        await eventually(() => recorder.text === 'early late');
      }
    });

    it('resets', async () => {
      const { client, clientSide, serverSide } = await aPair('plain');
      client.reset();
      await eventually(() => serverSide.closes.length === 1 && clientSide.closes.length === 1);
      assert.equal((serverSide.closes[0] as NodeJS.ErrnoException | null)?.code, 'ECONNRESET');
    });

    it('drops a TLS connection where it would reset', async () => {
      const { client, clientSide, serverSide } = await aPair('TLS');
      client.reset();
      await eventually(() => clientSide.closes.length === 1 && serverSide.ends + serverSide.closes.length > 0);
    });

    it('shows IPv4 addresses of a dual-stack listener as IPv4', async () => {
      const server = net.createServer();
      server.listen(0);
      await once(server, 'listening');
      const { port } = server.address() as net.AddressInfo;
      const accepted = once(server, 'connection') as Promise<[net.Socket]>;
      const client = net.connect({ port, host: '127.0.0.1' });
      const [socket] = await accepted;
      open.push(server, client, socket);
      server.close();
      assert.equal(connectionOf(socket, null).remoteAddress, '127.0.0.1');
    });
  });
}
