import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { eventually } from '../../test/support/eventually.ts';
import { TcpListener, type ListenOptions } from './listener.ts';

const options: ListenOptions = {
  address: '127.0.0.1',
  port: 0,
  reusePort: false,
  fd: null,
  backlog: 128,
  maxConnections: 0,
};

async function listen(changes: Partial<ListenOptions> = {}) {
  const sockets: Socket[] = [];
  const refused: MeshError[] = [];
  const listener = await TcpListener.listen(
    { ...options, ...changes },
    {
      onSocket: (socket) => sockets.push(socket.on('error', () => undefined)),
      onRefused: (error) => refused.push(error),
    },
  );
  return { listener, sockets, refused };
}

const open = async (port: number) => {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
};

test('gives sockets that nothing was read of', async () => {
  const { listener, sockets } = await listen();
  const client = await open(listener.port);
  client.write('hello');
  await eventually(() => sockets.length === 1);
  const [socket] = sockets;
  assert.ok(socket);
  assert.equal(socket.readableLength, 0);
  const [bytes] = (await once(socket.resume(), 'data')) as [Buffer];
  assert.equal(bytes.toString(), 'hello');
  assert.deepEqual([listener.address, listener.connections, socket.allowHalfOpen], ['127.0.0.1', 1, true]);
  listener.close();
  await once(client.resume(), 'close');
});

test('stopped, it accepts no more and what is open goes on', async () => {
  const { listener, sockets } = await listen();
  const client = await open(listener.port);
  await eventually(() => sockets.length === 1);
  listener.stop();
  const late = connect(listener.port, '127.0.0.1');
  await assert.rejects(once(late, 'connect'), /ECONNREFUSED/);
  sockets[0]?.write('still here');
  const [bytes] = (await once(client, 'data')) as [Buffer];
  assert.equal(bytes.toString(), 'still here');
  listener.close();
  await eventually(() => listener.connections === 0);
});

test('one connection too many is closed and told', async () => {
  const { listener, refused } = await listen({ maxConnections: 1 });
  const [first, second] = [await open(listener.port), await open(listener.port)];
  await once(second.resume(), 'close');
  await eventually(() => refused.length === 1);
  assert.equal(refused[0]?.code, 'resource_exhausted');
  first.destroy();
  listener.close();
});

test('two may share a port only when both say so', async () => {
  const one = await listen({ reusePort: true });
  const other = await listen({ reusePort: true, port: one.listener.port });
  await assert.rejects(
    listen({ port: one.listener.port }),
    (error) => error instanceof MeshError && error.code === 'io',
  );
  one.listener.close();
  other.listener.close();
});
