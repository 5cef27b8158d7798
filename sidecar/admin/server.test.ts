import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { SocketCalls } from '../net/listening-socket.ts';
import type { RunningServer } from '../net/http-server.ts';
import { ListeningSockets } from '../net/listening-sockets.ts';
import { startAdmin, startReadiness, type AdminView } from './server.ts';

const serving = { kind: 'serving', pid: 42 } as const;
const state: { isReady: boolean; level: string; outcome: Awaited<ReturnType<AdminView['upgrade']>> } = {
  isReady: false,
  level: 'info',
  outcome: serving,
};
const calls: string[] = [];
const view: AdminView = {
  isReady: () => state.isReady,
  awaited: () => ['identity', 'configuration'],
  stats: () => [
    ['cluster.a.upstream_rq_total', 3],
    ['cluster.b.upstream_rq_total', 4],
    ['listener_manager.total', 1],
  ],
  prometheus: () => '# HELP x\nx 1\n',
  clusters: () => ['a::default', 'b::default'],
  clustersJson: () => ({ cluster_statuses: [] }),
  configDump: () => ({ configs: [1] }),
  certificates: () => assert.fail('a bug'),
  serverInfo: () => ({ state: 'LIVE' }),
  setLogLevel: (level) => (level === 'debug' ? (state.level = level) : null),
  logLevel: () => state.level,
  drain: () => calls.push('drain'),
  quit: () => calls.push('quit'),
  upgrade: async () => state.outcome,
};

const sockets = new ListeningSockets();
const servers: RunningServer[] = [];
after(() => Promise.all(servers.map((server) => server.close())));
const admin = await startAdmin(view, { host: '127.0.0.1', port: 0 }, sockets);
const readiness = await startReadiness(view, { host: '127.0.0.1', port: 0 }, sockets);
servers.push(admin, readiness);

const ask = async (path: string, method = 'GET', port = admin.port) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};

test('readiness: 503 with what is waited for, then 200', async () => {
  state.isReady = false;
  assert.deepEqual(await ask('/ready'), {
    status: 503,
    type: 'text/plain; charset=UTF-8',
    text: 'PRE_INITIALIZING: waits for identity, configuration\n',
  });
  assert.equal((await ask('/healthz/ready', 'GET', readiness.port)).status, 503);
  state.isReady = true;
  assert.equal((await ask('/ready')).text, 'LIVE\n');
  assert.equal((await ask('/healthz/ready?x', 'GET', readiness.port)).status, 200);
  assert.equal((await ask('/ready', 'GET', readiness.port)).status, 404);
});

test('statistics as text, filtered, as JSON and for Prometheus', async () => {
  assert.equal(
    (await ask('/stats')).text,
    'cluster.a.upstream_rq_total: 3\ncluster.b.upstream_rq_total: 4\nlistener_manager.total: 1\n',
  );
  assert.equal((await ask('/stats?filter=^cluster\\.b')).text, 'cluster.b.upstream_rq_total: 4\n');
  assert.equal((await ask('/stats?filter=%28')).text, '');
  assert.deepEqual(JSON.parse((await ask('/stats?format=json&filter=total%24')).text).stats.length, 3);
  assert.equal((await ask('/stats?format=prometheus')).text, '# HELP x\nx 1\n');
  assert.equal((await ask('/stats/prometheus')).text, '# HELP x\nx 1\n');
});

test('clusters and dumps', async () => {
  assert.equal((await ask('/clusters')).text, 'a::default\nb::default\n');
  assert.deepEqual(JSON.parse((await ask('/clusters?format=json')).text), { cluster_statuses: [] });
  const dump = await ask('/config_dump?include_eds');
  assert.deepEqual([dump.type, JSON.parse(dump.text)], ['application/json', { configs: [1] }]);
});

test('what changes something wants POST', async () => {
  for (const path of ['/drain_listeners', '/quitquitquit', '/logging?level=debug']) {
    assert.equal((await ask(path)).status, 405);
  }
  assert.deepEqual(calls, []);
  assert.equal(state.level, 'info');
  assert.equal((await ask('/drain_listeners?graceful', 'POST')).text, 'OK\n');
  assert.equal((await ask('/quitquitquit', 'POST')).text, 'OK\n');
  assert.deepEqual(calls, ['drain', 'quit']);
});

test('the level of the log is shown and set; an unknown one is refused', async () => {
  assert.equal((await ask('/logging?level=loud', 'POST')).status, 400);
  assert.equal((await ask('/logging?level=debug', 'POST')).text, 'tulle: debug\n');
  assert.equal((await ask('/logging', 'POST')).text, 'active loggers:\n  tulle: debug\n');
});

test('an unknown path lists those that are known; HEAD has no body; a bug is 500 with its text', async () => {
  const unknown = await ask('/nothing');
  assert.equal(unknown.status, 404);
  assert.match(unknown.text, /there is nothing at \/nothing; known:\n\/ready\n/);
  assert.deepEqual([(await ask('/stats', 'HEAD')).status, (await ask('/stats', 'HEAD')).text], [200, '']);
  assert.deepEqual([(await ask('/certs')).status, (await ask('/certs')).text], [500, 'a bug\n']);
  assert.equal((await ask('/constructor')).status, 404);
});

test('a port that is taken is an error that names it', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await assert.rejects(startAdmin(view, { host: '127.0.0.1', port }, sockets), (error) => {
    assert.ok(isMeshError(error, 'io'));
    assert.equal(error.message, `the admin port cannot listen on 127.0.0.1:${port}`);
    return true;
  });
  taken.close();
});

test('an upgrade answers with the process that took over, or why none did', async () => {
  assert.equal((await ask('/upgrade')).status, 405);
  assert.deepEqual(JSON.parse((await ask('/upgrade', 'POST')).text), { pid: 42 });
  state.outcome = { kind: 'refused', reason: 'one is under way' };
  const refused = await ask('/upgrade', 'POST');
  assert.deepEqual([refused.status, refused.text], [409, 'one is under way\n']);
  state.outcome = { kind: 'failed', reason: 'exit code 1' };
  const failed = await ask('/upgrade', 'POST');
  assert.deepEqual([failed.status, failed.text], [503, 'exit code 1\n']);
});

test('a successor listens on the sockets of its predecessor, which then closes its own', async () => {
  const address = { host: '127.0.0.1', port: 0 };
  const first = new ListeningSockets();
  const old = await startReadiness(view, address, first);
  // A descriptor of its own, as a process that inherits it has.
  const calls = await SocketCalls.load();
  if (calls === null) return old.close();
  const [held] = first.held();
  assert.ok(held);
  const inherited = { ...held, fd: calls.adopt(held.fd).duplicate() };
  const successor = await startReadiness({ ...view, isReady: () => true }, address, new ListeningSockets([inherited]));
  assert.equal(successor.port, old.port);
  void old.stop();
  assert.deepEqual(first.held(), []);
  assert.equal((await ask('/healthz/ready', 'GET', successor.port)).status, 200);
  await old.close();
  await successor.close();
});
