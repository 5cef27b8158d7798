import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { ListenPlace } from '../net/listener.ts';
import { SocketCalls } from '../net/listening-socket.ts';
import { ListeningSockets } from '../net/listening-sockets.ts';
import type { ListenerConfig } from '../snapshot/listener.ts';
import { WorkerSockets } from './worker-sockets.ts';

const calls = await SocketCalls.load();

const aListener = (port: number, bindToPort = true, direction = 'outbound'): ListenerConfig =>
  ({ address: '127.0.0.1', port, bindToPort, direction }) as ListenerConfig;

function setUp(own: SocketCalls | null, account = new ListeningSockets()) {
  const problems: string[] = [];
  const onProblem = (listener: string, reason: string) => problems.push(`${listener}: ${reason}`);
  return { sockets: new WorkerSockets({ calls: own, account, workers: 2, onProblem }), account, problems };
}

function place(places: ReadonlyMap<string, ListenPlace>, name: string): ListenPlace {
  const found = places.get(name);
  assert.ok(found !== undefined, `no ${name} among ${[...places.keys()].join()}`);
  return found;
}

function drop(...places: ReadonlyMap<string, ListenPlace>[]): void {
  for (const each of places) for (const { fd } of each.values()) if (fd !== null) closeSync(fd);
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  const isConnected = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return isConnected;
}

describe('sockets of workers', { skip: calls === null ? 'not on this system' : false }, () => {
  it('are one for each worker, on one port, told once', () => {
    const { sockets, account } = setUp(calls);
    const listeners = new Map([
      ['a', aListener(0)],
      ['virtual', aListener(0, false)],
    ]);
    sockets.setListeners(listeners);
    const [one, other] = [sockets.placesFor(0), sockets.placesFor(1)];
    assert.deepEqual([...one.keys()], ['a']);
    assert.ok(place(one, 'a').port > 0);
    assert.equal(place(other, 'a').port, place(one, 'a').port);
    assert.equal(new Set(account.held().map(({ fd }) => fd)).size, 2);
    sockets.setListeners(listeners);
    assert.equal(sockets.placesFor(0).size, 0);
    // A successor listens where the dead one did.
    sockets.forget(0);
    const again = sockets.placesFor(0);
    assert.equal(place(again, 'a').port, place(one, 'a').port);
    drop(one, other, again);
    sockets.close();
    assert.deepEqual(account.held(), []);
  });

  it('are not opened for a worker that is still to come', () => {
    const { sockets } = setUp(calls);
    sockets.suspend(1);
    sockets.setListeners(new Map([['a', aListener(0)]]));
    const one = sockets.placesFor(0);
    assert.equal(sockets.placesFor(1).size, 0);
    sockets.resume(1);
    const other = sockets.placesFor(1);
    assert.equal(place(other, 'a').port, place(one, 'a').port);
    drop(one, other);
    sockets.close();
  });

  it('outlive who listens, and close with their listener', async () => {
    const { sockets } = setUp(calls);
    sockets.setListeners(new Map([['a', aListener(0)]]));
    const places = sockets.placesFor(0);
    const { port } = place(places, 'a');
    drop(places);
    assert.equal(await isOpen(port), true);
    sockets.setListeners(new Map());
    assert.equal(await isOpen(port), false);
  });

  it('of a worker that stays away are closed, so that the others get its connections', async () => {
    const { sockets, account } = setUp(calls);
    sockets.setListeners(new Map([['a', aListener(0)]]));
    const other = sockets.placesFor(1);
    const { port } = place(other, 'a');
    sockets.suspend(0);
    assert.equal(account.held().length, 1);
    assert.equal(sockets.placesFor(0).size, 0);
    // The last is kept: nobody else would get what it gets.
    sockets.suspend(1);
    assert.equal(await isOpen(port), true);
    sockets.resume(0);
    assert.equal(account.held().length, 2);
    const back = sockets.placesFor(0);
    assert.equal(place(back, 'a').port, port);
    drop(other, back);
    sockets.close();
    assert.deepEqual(account.held(), []);
    assert.equal(await isOpen(port), false);
  });

  it('are closed where no worker listens, and offered again to who did not take them', async () => {
    const { sockets } = setUp(calls);
    const listeners = new Map([['a', aListener(0)]]);
    sockets.setListeners(listeners);
    const first = [sockets.placesFor(0), sockets.placesFor(1)];
    const { port } = place(first[0] ?? new Map(), 'a');
    sockets.listening(0, new Map([['a', { host: '127.0.0.1', port }]]));
    sockets.listening(1, new Map());
    sockets.closeUnused();
    const again = sockets.placesFor(1);
    assert.deepEqual([...again.keys()], ['a']);
    drop(...first, again);
    for (const worker of [0, 1]) sockets.listening(worker, new Map());
    sockets.closeUnused();
    assert.equal(await isOpen(port), false);
  });

  it('from the mesh are closed for good when it is to bring nothing new, and the others stay', async () => {
    const { sockets } = setUp(calls);
    const listeners = new Map([
      ['in', aListener(0, true, 'inbound')],
      ['out', aListener(0)],
    ]);
    sockets.setListeners(listeners);
    const places = sockets.placesFor(0);
    drop(places);
    sockets.closeFor('inbound');
    const areOpen = await Promise.all(['in', 'out'].map((name) => isOpen(place(places, name).port)));
    assert.deepEqual(areOpen, [false, true]);
    // Neither a push nor a worker that is replaced opens them again.
    sockets.setListeners(listeners);
    const again = sockets.placesFor(1);
    assert.deepEqual([...again.keys()], ['out']);
    drop(again);
    sockets.close();
  });

  it('of a port that is taken are refused by name, and tried again', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { sockets, problems } = setUp(calls);
    sockets.setListeners(new Map([['a', aListener(port)]]));
    assert.equal(sockets.placesFor(0).size, 0);
    assert.match(problems.join(), /^a: cannot listen on 127\.0\.0\.1:\d+: bind EADDRINUSE/);
    await new Promise((done) => taken.close(done));
    sockets.setListeners(new Map([['a', aListener(port)]]));
    const places = sockets.placesFor(0);
    assert.equal(place(places, 'a').port, port);
    drop(places);
    sockets.close();
  });

  it('of a port that another sidecar has, are refused though both would share', () => {
    const first = setUp(calls);
    first.sockets.setListeners(new Map([['a', aListener(0)]]));
    const places = first.sockets.placesFor(0);
    const second = setUp(calls);
    second.sockets.setListeners(new Map([['a', aListener(place(places, 'a').port)]]));
    assert.match(second.problems.join(), /EADDRINUSE/);
    drop(places);
    first.sockets.close();
  });

  it('of a predecessor are taken over; its only one is shared', () => {
    if (calls === null) return;
    const inherited = calls.open({ address: '127.0.0.1', port: 0, reusePort: false, backlog: 1 });
    const { port, fd } = inherited;
    const account = new ListeningSockets([{ name: 'a', address: '127.0.0.1', port, fd }]);
    const { sockets, problems } = setUp(calls, account);
    sockets.setListeners(new Map([['a', aListener(port)]]));
    const [one, other] = [sockets.placesFor(0), sockets.placesFor(1)];
    assert.deepEqual([place(one, 'a').port, place(other, 'a').port, problems], [port, port, []]);
    assert.deepEqual(account.held(), [{ name: 'a', address: '127.0.0.1', port, fd }]);
    drop(one, other);
    sockets.close();
  });
});

it('without calls workers open their own, all on the port that the first finds', () => {
  const { sockets } = setUp(null);
  sockets.setListeners(
    new Map([
      ['any', aListener(0)],
      ['known', aListener(8080)],
    ]),
  );
  assert.equal(sockets.awaitsPort, true);
  assert.deepEqual(sockets.placesFor(0).get('known'), { port: 8080, reusePort: true, fd: null });
  const bound = (port: number) => ({ host: '127.0.0.1', port });
  sockets.listening(0, new Map(Object.entries({ any: bound(4711), known: bound(8080) })));
  assert.equal(sockets.awaitsPort, false);
  assert.deepEqual(sockets.placesFor(1).get('any'), { port: 4711, reusePort: true, fd: null });
});
