import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readlinkSync, readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { TcpListener } from './listener.ts';
import { SocketCalls, type ListeningSocket, type ListeningSocketOptions } from './listening-socket.ts';

const calls = await SocketCalls.load();

const options: ListeningSocketOptions = { address: '127.0.0.1', port: 0, reusePort: false, backlog: 128 };
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ family }) => family === 'IPv6'));

/** A connection that the kernel has taken, whoever may accept it. */
async function open(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host }).on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function answerOf(client: Socket): Promise<string> {
  const [bytes] = (await once(client, 'data')) as [Buffer];
  client.destroy();
  return bytes.toString();
}

const serve = (socket: ListeningSocket, name: string) =>
  TcpListener.listen(
    {
      ...options,
      reusePort: true,
      address: socket.address,
      port: socket.port,
      fd: socket.duplicate(),
      maxConnections: 0,
    },
    { onSocket: (accepted) => accepted.on('error', () => undefined).end(name), onRefused: () => undefined },
  );

const notRoot = process.getuid?.() === 0 ? false : 'needs root';

const codeOf = (error: unknown) => {
  assert.ok(error instanceof MeshError);
  return [error.code, error.cause instanceof Error ? Reflect.get(error.cause, 'code') : null, error.message];
};

function failure(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

describe('listening sockets', { skip: calls === null ? 'not on this system' : false }, () => {
  if (calls === null) return;

  it('connections that wait while one server closes are served by the next on a duplicate', async () => {
    const socket = calls.open(options);
    const first = await serve(socket, 'first');
    assert.deepEqual([first.address, first.port], [socket.address, socket.port]);
    assert.equal(await answerOf(await open(socket.port)), 'first');
    first.stop();
    const waiting = [await open(socket.port), await open(socket.port), await open(socket.port)];
    const second = await serve(socket, 'second');
    assert.deepEqual(await Promise.all(waiting.map(answerOf)), ['second', 'second', 'second']);
    second.close();
    socket.close();
    await assert.rejects(open(socket.port), /ECONNREFUSED/);
  });

  it('what a thread that dies left waiting is served by the next one', async () => {
    const socket = calls.open(options);
    const script = `
      const server = require('node:net').createServer();
      server.listen({ fd: require('node:worker_threads').workerData }, () => process.exit());`;
    await once(new Worker(script, { eval: true, workerData: socket.duplicate() }), 'exit');
    const client = await open(socket.port);
    const listener = await serve(socket, 'served');
    assert.equal(await answerOf(client), 'served');
    listener.close();
    socket.close();
  });

  it('are not inherited by children', () => {
    const socket = calls.open(options);
    const duplicate = socket.duplicate();
    for (const fd of [socket.fd, duplicate]) {
      const [, flags = ''] = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
      assert.ok((Number.parseInt(flags, 8) & 0o2_000_000) !== 0, `descriptor ${fd}: ${flags}`);
    }
    const adopted = calls.adopt(duplicate);
    assert.deepEqual([adopted.address, adopted.port], [socket.address, socket.port]);
    adopted.close();
    socket.close();
  });

  it('give the descriptor back when they are closed', () => {
    const socket = calls.open(options);
    assert.match(readlinkSync(`/proc/self/fd/${socket.fd}`), /^socket:/);
    socket.close();
    assert.throws(() => readlinkSync(`/proc/self/fd/${socket.fd}`), /ENOENT/);
  });

  it('errors have the name of the system', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    assert.deepEqual(codeOf(failure(() => calls.open({ ...options, port }))), [
      'io',
      'EADDRINUSE',
      `cannot listen on 127.0.0.1:${port}`,
    ]);
    taken.close();
    assert.deepEqual(codeOf(failure(() => calls.open({ ...options, address: '192.0.2.1' }))), [
      'io',
      'EADDRNOTAVAIL',
      'cannot listen on 192.0.2.1:0',
    ]);
    for (const address of ['localhost', 'fe80::1%lo', ''])
      assert.equal(codeOf(failure(() => calls.open({ ...options, address })))[0], 'unsupported');
    assert.deepEqual(codeOf(failure(() => calls.adopt(100_000))).slice(0, 2), ['io', 'EBADF']);
  });

  it(
    'a transparent one is bound to an address of others, and who may not have one is told why',
    { skip: notRoot },
    () => {
      const socket = calls.open({ ...options, address: '192.0.2.1', transparent: true });
      assert.equal(socket.address, '192.0.2.1');
      socket.close();
      process.seteuid?.(65_534);
      const error = failure(() => calls.open({ ...options, transparent: true }));
      process.seteuid?.(0);
      assert.deepEqual(codeOf(error), [
        'permission',
        'EPERM',
        'cannot listen transparently (CAP_NET_ADMIN) on 127.0.0.1:0',
      ]);
    },
  );

  it('two may share a port only when both say so', () => {
    const one = calls.open({ ...options, reusePort: true });
    const other = calls.open({ ...options, reusePort: true, port: one.port });
    assert.equal(codeOf(failure(() => calls.open({ ...options, port: one.port })))[1], 'EADDRINUSE');
    one.close();
    other.close();
  });

  it('the first of those that share is refused where somebody is already, and lets only sharing ones in', () => {
    const first = calls.open({ ...options, reusePort: 'first' });
    const further = calls.open({ ...options, reusePort: true, port: first.port });
    for (const reusePort of ['first', false] as const)
      assert.equal(codeOf(failure(() => calls.open({ ...options, reusePort, port: first.port })))[1], 'EADDRINUSE');
    first.close();
    // Also where it is only one that would share.
    assert.equal(
      codeOf(failure(() => calls.open({ ...options, reusePort: 'first', port: further.port })))[1],
      'EADDRINUSE',
    );
    further.close();
  });

  it('of `::` take both families', { skip: hasIpv6 ? false : 'no IPv6' }, async () => {
    const socket = calls.open({ ...options, address: '::' });
    assert.equal(socket.address, '::');
    const listener = await serve(socket, 'both');
    assert.equal(await answerOf(await open(socket.port, '::1')), 'both');
    assert.equal(await answerOf(await open(socket.port)), 'both');
    listener.close();
    socket.close();
    const one = calls.open({ ...options, address: '::1' });
    assert.equal(one.address, '::1');
    one.close();
  });
});
