import assert from 'node:assert/strict';
import { fstatSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { TcpListener } from './listener.ts';
import { ListeningSockets, type HandedSocket } from './listening-sockets.ts';
import { SocketCalls } from './listening-socket.ts';

const socket = (name: string, port: number, fd: number): HandedSocket => ({ name, address: '127.0.0.1', port, fd });
const place = (name: string, port: number) => ({ name, address: '127.0.0.1', port });

test('a socket is found by its port, whatever the listener is called now, and is taken once', () => {
  const sockets = new ListeningSockets([socket('a', 8080, 5), socket('b', 8081, 6)]);
  assert.deepEqual([sockets.take(place('renamed', 8081)), sockets.take(place('b', 8081))], [6, null]);
  assert.equal(sockets.take({ ...place('a', 8080), address: '0.0.0.0' }), null);
  assert.equal(sockets.take(place('a', 8080)), 5);
});

test('of one port that several listen on each is taken', () => {
  const sockets = new ListeningSockets([socket('a', 8080, 5), socket('a', 8080, 6)]);
  assert.deepEqual(
    Array.from({ length: 3 }, () => sockets.take(place('a', 8080))),
    [5, 6, null],
  );
});

test('sockets of any free port are told apart by name', () => {
  const sockets = new ListeningSockets([socket('a', 0, 5), socket('b', 0, 6)]);
  assert.deepEqual(
    [sockets.take(place('b', 0)), sockets.take(place('c', 0)), sockets.take(place('a', 0))],
    [6, null, 5],
  );
});

test('what is held goes to a successor until it is let go', () => {
  const sockets = new ListeningSockets();
  const release = sockets.hold(socket('a', 8080, 5));
  sockets.hold(socket('b', 8081, 6));
  release();
  assert.deepEqual(sockets.held(), [socket('b', 8081, 6)]);
});

test('what nobody takes is closed', { skip: (await SocketCalls.load()) === null ? 'no libc' : false }, async () => {
  const calls = await SocketCalls.load();
  assert.ok(calls);
  const options = { address: '127.0.0.1', port: 0, reusePort: false, backlog: 8 };
  const [wanted, unwanted] = [calls.open(options), calls.open(options)];
  const sockets = new ListeningSockets([socket('a', 8080, wanted.fd), socket('b', 8081, unwanted.fd)]);
  const fd = sockets.take(place('a', 8080));
  assert.deepEqual(
    sockets.closeUntaken().map(({ name }) => name),
    ['b'],
  );
  assert.throws(() => fstatSync(unwanted.fd), /EBADF/);
  assert.deepEqual(sockets.closeUntaken(), []);
  const listener = await TcpListener.listen(
    { ...options, fd, maxConnections: 0 },
    { onSocket: (accepted) => accepted.end('here'), onRefused: () => undefined },
  );
  assert.equal(listener.fd, wanted.fd);
  const [bytes] = (await once(connect(listener.port, '127.0.0.1'), 'data')) as [Buffer];
  assert.equal(bytes.toString(), 'here');
  listener.close();
});

test('a server tells the descriptor that it listens on', async () => {
  const listener = await TcpListener.listen(
    { address: '127.0.0.1', port: 0, reusePort: false, backlog: 8, fd: null, maxConnections: 0 },
    { onSocket: () => undefined, onRefused: () => undefined },
  );
  assert.ok(fstatSync(listener.fd ?? -1).isSocket());
  listener.close();
  assert.equal(listener.fd, null);
});
