/** A sidecar is followed by another process under load: the listening sockets are handed on, and no request is lost. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { text as readAll } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { http1Callers, http2Callers, type Callers } from '../support/callers.ts';
import { eventually } from '../support/eventually.ts';
import { aCluster, aListener, aTcpListener, StaticSidecar, type Json } from './sidecar-static.fixture.ts';
import { freePort } from '../support/free-port.ts';

const loopback = '127.0.0.1';

type Ports = { admin: number; http: number; tcp: number; late: number };

const upgrade = (port: number) => fetch(`http://${loopback}:${port}/upgrade`, { method: 'POST' });

async function servingPid(port: number): Promise<number> {
  const response = await fetch(`http://${loopback}:${port}/server_info`);
  return ((await response.json()) as { pid: number }).pid;
}

async function open(port: number): Promise<Socket> {
  // One that is open may be reset later: nobody minds.
  const socket = connect(port, loopback).on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function echo(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, 'data') as Promise<[Buffer]>;
  socket.write(text);
  return (await answer)[0].toString();
}

function get(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ port, host: loopback, path, agent: false }, (response) => readAll(response).then(resolve, reject))
      .on('error', reject)
      .end();
  });
}

/** Nobody listens there any more, after a while. */
const refuses = (port: number) =>
  eventually(async () => {
    const socket = connect(port, loopback);
    const isRefused = await new Promise<boolean>((resolve) => {
      socket.on('error', () => resolve(true)).once('connect', () => resolve(false));
    });
    socket.destroy();
    return isRefused;
  });

describe('a sidecar that is followed by a successor', () => {
  let app: Server;
  let echoServer: TcpServer;
  let ports: Ports;
  let sidecar: StaticSidecar;
  let slow: ServerResponse[];
  const sockets = new Set<Socket>();

  before(async () => {
    app = createServer({ keepAliveTimeout: 60_000 }, (message, response) => {
      if (message.url === '/slow') slow.push(response);
      else response.end('fast');
    });
    echoServer = createTcpServer((socket) => socket.on('error', () => undefined).pipe(socket));
    for (const server of [app, echoServer]) await new Promise<void>((done) => server.listen(0, loopback, done));
  });

  after(() => {
    app.closeAllConnections();
    app.close();
    echoServer.close();
  });

  const bootstrap = (listeners: readonly Json[]): Json => ({
    admin: { address: { socket_address: { address: loopback, port_value: ports.admin } } },
    static_resources: {
      listeners,
      clusters: [
        aCluster('app', (app.address() as AddressInfo).port),
        aCluster('echo', (echoServer.address() as AddressInfo).port),
      ],
    },
  });
  // A request may take as long as this test.
  const route = { match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } };
  const manager = { route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] } };
  const usual = () =>
    bootstrap([aListener('http', ports.http, 'app', { manager }), aTcpListener('tcp', ports.tcp, 'echo')]);

  beforeEach(async () => {
    slow = [];
    ports = { admin: await freePort(), http: await freePort(), tcp: await freePort(), late: await freePort() };
    sidecar = await StaticSidecar.start(usual(), [ports.admin, ports.http, ports.tcp], {
      flags: ['--drain-seconds', '0.5', '--upgrade-seconds', '60'],
    });
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await sidecar.stop();
    // The successor hears that nobody watches it any more.
    await refuses(ports.http);
  });

  const keep = async (port: number) => {
    const socket = (await open(port)).on('error', () => undefined);
    sockets.add(socket);
    return socket;
  };

  it('three times in a row under load: no request fails, what is under way completes', async () => {
    const long = get(ports.http, '/slow');
    const tunnel = await keep(ports.tcp);
    assert.equal(await echo(tunnel, 'before'), 'before');
    await eventually(() => slow.length === 1);
    const load: Record<string, Callers> = {
      'HTTP/1.1, kept alive': http1Callers(ports.http, true),
      'HTTP/1.1, a connection each': http1Callers(ports.http, false),
      'HTTP/2': http2Callers(ports.http),
    };
    const counts = () => Object.values(load).map(({ ok }) => ok);
    const served = async () => {
      const before = counts();
      await eventually(() => counts().every((count, kind) => count > (before[kind] ?? 0) + 100));
    };
    const pids = [sidecar.pid];
    try {
      for (const how of ['POST', 'SIGUSR2', 'POST']) {
        await served();
        const former = pids.at(-1);
        if (how === 'POST') assert.equal((await upgrade(ports.admin)).status, 200);
        else sidecar.signal('SIGUSR2');
        pids.push(
          await eventually(async () => {
            const pid = await servingPid(ports.admin);
            assert.notEqual(pid, former);
            return pid;
          }),
        );
      }
      await served();
    } finally {
      await Promise.all(Object.values(load).map((callers) => callers.stop()));
    }
    assert.equal(new Set(pids).size, 4);
    for (const [kind, { failures }] of Object.entries(load)) assert.deepEqual([kind, [...failures]], [kind, []]);
    assert.equal(await echo(tunnel, 'after'), 'after');
    slow[0]?.end('slow');
    assert.equal(await long, 'slow');
  });

  it('stays as the process that was started: signals reach the successor, whose exit code is its own', async () => {
    const { pid } = (await (await upgrade(ports.admin)).json()) as { pid: number };
    await eventually(() => sidecar.log.some(({ msg }) => msg === 'all is done here: watching the successor'));
    assert.equal(await servingPid(ports.admin), pid);
    sidecar.signal('SIGUSR2');
    await eventually(async () => assert.notEqual(await servingPid(ports.admin), pid));
    sidecar.signal('SIGTERM');
    assert.equal(await sidecar.exited, 0);
    await refuses(ports.http);
  });

  it('what a former process still finishes ends with the last one', async () => {
    assert.equal((await upgrade(ports.admin)).status, 200);
    const tunnel = await keep(ports.tcp);
    assert.equal(await echo(tunnel, 'of the second process'), 'of the second process');
    assert.equal((await upgrade(ports.admin)).status, 200);
    assert.equal(await echo(tunnel, 'still'), 'still');
    const closed = once(tunnel, 'close');
    sidecar.signal('SIGTERM');
    assert.equal(await sidecar.exited, 0);
    await closed;
  });

  it('ends with an error when the successor is killed', async () => {
    const { pid } = (await (await upgrade(ports.admin)).json()) as { pid: number };
    await eventually(() => sidecar.log.some(({ msg }) => msg === 'all is done here: watching the successor'));
    process.kill(pid, 'SIGKILL');
    assert.equal(await sidecar.exited, 1);
  });

  it('serves on when the successor cannot start, which is told by name, and can be upgraded later', async () => {
    await sidecar.rewrite({ ...usual(), dynamic_resources: { ads_config: {} } });
    const failed = await upgrade(ports.admin);
    const reason = await failed.text();
    assert.deepEqual([failed.status, await servingPid(ports.admin)], [503, sidecar.pid]);
    assert.match(reason, /^the successor cannot serve: .*dynamic_resources/);
    assert.equal(await get(ports.http, '/'), 'fast');
    await sidecar.rewrite(usual());
    assert.equal((await upgrade(ports.admin)).status, 200);
    assert.equal(await get(ports.http, '/'), 'fast');
  });

  it('refuses a second upgrade while one is under way', async () => {
    const first = upgrade(ports.admin);
    await eventually(() => sidecar.log.some(({ msg }) => msg === 'starting a successor'));
    const second = await upgrade(ports.admin);
    assert.deepEqual([second.status, (await first).status], [409, 200]);
    assert.match(await second.text(), /^an upgrade is under way already: process \d+ is starting\n$/);
  });

  it('a listener that the new configuration lacks is closed, a new one opened', async () => {
    await sidecar.rewrite(bootstrap([aListener('renamed', ports.http, 'app'), aListener('late', ports.late, 'app')]));
    assert.equal((await upgrade(ports.admin)).status, 200);
    assert.deepEqual([await get(ports.http, '/'), await get(ports.late, '/')], ['fast', 'fast']);
    await refuses(ports.tcp);
  });

  it('a connection that waits to be accepted is served by the successor', async () => {
    // Stopped, the process accepts nothing; the kernel completes connections for it.
    process.kill(sidecar.pid, 'SIGSTOP');
    const waiting = await Promise.all(Array.from({ length: 20 }, () => keep(ports.tcp)));
    const answers = waiting.map((socket, index) => echo(socket, `${index}`));
    process.kill(sidecar.pid, 'SIGCONT');
    assert.equal((await upgrade(ports.admin)).status, 200);
    assert.deepEqual(
      await Promise.all(answers),
      waiting.map((_, index) => `${index}`),
    );
  });
});
