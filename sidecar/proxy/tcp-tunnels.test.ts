import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, test } from 'node:test';
import { FakeClock, systemClock, type Clock } from '#shared/runtime/clock.ts';
import { seededRandom } from '#shared/runtime/random.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { eventually } from '../../test/support/eventually.ts';
import { WorkloadSecrets } from '../net/secret-store.ts';
import { aRoute, aTable, aVirtualHost, compiled } from '../routing/routes.fixture.ts';
import { defaultThresholds, type ClusterConfig } from '../snapshot/cluster.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import { FakeConnection } from '../transport/fake-connection.fixture.ts';
import { aCluster, anEndpoint, anOutlierConfig, someEndpoints } from '../upstream/cluster.fixture.ts';
import { Cluster } from '../upstream/cluster.ts';
import { Connector } from './connector.ts';
import { aService } from './exchange.fixture.ts';
import { emptyPlan, type Plan, type TcpService } from './plan.ts';
import { TcpTunnels } from './tcp-tunnels.ts';
import { TimerWheel } from '../net/timer-wheel.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** A server that says what it hears, with `>` in front; `port` 0 after it was closed is where nobody listens. */
async function anEcho() {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => socket.write(`>${bytes.toString()}`));
    socket.on('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as net.AddressInfo).port, sockets, server };
}

async function aClosedPort(): Promise<number> {
  const { port, server } = await anEcho();
  server.close();
  await once(server, 'close');
  return port;
}

function setUp(port: number, config: Partial<ClusterConfig> = {}, name = 'tcp', clock: Clock = systemClock) {
  const random = seededRandom(1);
  const logged: AccessRecord[] = [];
  const counted: string[] = [];
  const secrets = new WorkloadSecrets({ workload: new WatchSource(null), clock, onProblem: () => undefined });
  const cluster = new Cluster(aCluster({ name, altStatName: 'tcp;', ...config }), toEndpoints(port), {
    clock,
    random,
    resolve: () => Promise.resolve([]),
    createPool: () => assert.fail('TCP has no pool'),
    onOutlierEvent: () => undefined,
  });
  const plan: Plan = { ...emptyPlan, clusters: new Map([[name, cluster]]) };
  const tunnels = new TcpTunnels({
    currentPlan: () => plan,
    clock,
    connector: new Connector({ secrets, clock, random, wheel: new TimerWheel(clock), socketCalls: () => null }),
    observer: {
      opened: ({ host }) => counted.push(`opened ${host?.port === port ? 'there' : 'elsewhere'}`),
      moved: (_, { received, sent }) => counted.push(`moved ${received}/${sent}`),
      closed: ({ record }) => counted.push(`closed ${record.flagNames}`),
    },
  });
  cleanUps.push(
    () => tunnels.close(),
    () => cluster.destroy(),
    () => secrets.close(),
  );
  const service = (fields: Partial<TcpService['config']> = {}, clusterName = name): TcpService => ({
    config: {
      statPrefix: '',
      target: { kind: 'cluster', name: clusterName },
      idleTimeoutMs: 0,
      maxDurationMs: 0,
      maxConnectAttempts: 1,
      hashPolicies: [],
      accessLogs: [],
      ...fields,
    },
    chainName: 'chain',
    direction: 'inbound',
    chooseCluster: () => clusterName,
    accessLogs: [{ log: (record) => logged.push(record) }],
  });
  return { tunnels, cluster, logged, counted, service };
}

/** What waited while the host was connected for is delivered once somebody handles it. */
const hears = (client: FakeConnection, text: string) =>
  eventually(() => {
    client.deliver();
    return client.text === text;
  });
const toEndpoints = (port: number) => someEndpoints(anEndpoint('127.0.0.1', { port }));
const lines = (logged: readonly AccessRecord[]) =>
  logged.map(({ flagNames, details, attempts }) => `${flagNames} ${details} ${attempts}`);

test('bytes go both ways, half-closes too, and the end is logged and counted once', async () => {
  const { port } = await anEcho();
  const { tunnels, logged, counted, service, cluster } = setUp(port);
  const client = new FakeConnection();
  tunnels.serve(client, service());
  client.receive('hello');
  await hears(client, '>hello');
  assert.equal(cluster.breakers.default.connections, 1);
  client.receiveEnd();
  await eventually(() => client.hasEnded);
  client.closeWith(null);
  await eventually(() => logged.length === 1 && tunnels.count === 0);
  assert.deepEqual(counted, ['opened there', 'moved 5/6', 'closed ']);
  assert.deepEqual([logged[0]?.bytesReceived, logged[0]?.bytesSent, logged[0]?.flagNames], [5, 6, '']);
  assert.deepEqual([logged[0]?.upstreamHost, logged[0]?.cluster], [`127.0.0.1:${port}`, 'tcp;']);
  assert.equal(cluster.breakers.default.connections, 0);
});

test('what cannot be connected is closed, told by flags and counted with the cluster', async () => {
  const port = await aClosedPort();
  const { tunnels, logged, counted, service, cluster } = setUp(port);
  const client = new FakeConnection();
  tunnels.serve(client, service({ maxConnectAttempts: 3 }));
  await eventually(() => logged.length === 1);
  assert.equal(client.isClosed, true);
  assert.deepEqual(lines(logged), ['UF,URX upstream_connect_failure 3']);
  assert.deepEqual(counted, ['opened there', 'closed UF,URX']);
  assert.equal(cluster.stats.upstream_cx_connect_fail, 3);
  assert.equal(cluster.breakers.default.connections, 0);
  assert.equal(tunnels.count, 0);
});

test('no cluster, no host, no room: closed at once, and said why', async () => {
  const { port } = await anEcho();
  const nobody = setUp(port);
  nobody.tunnels.serve(new FakeConnection(), nobody.service({}, 'other'));
  const hostless = setUp(port);
  hostless.cluster.update(hostless.cluster.config, someEndpoints());
  hostless.tunnels.serve(new FakeConnection(), hostless.service());
  const thresholds = { ...defaultThresholds, maxConnections: 0 };
  const full = setUp(port, { breakers: { default: thresholds, high: thresholds } });
  full.tunnels.serve(new FakeConnection(), full.service());
  assert.deepEqual(
    [nobody, hostless, full].map(({ logged }) => lines(logged)),
    [['NC cluster_not_found 0'], ['UH no_healthy_upstream 0'], ['UO upstream_cx_overflow 0']],
  );
  assert.equal(full.cluster.stats.upstream_cx_overflow, 1);
  for (const { tunnels, cluster } of [nobody, hostless, full]) {
    assert.equal(tunnels.count, 0);
    assert.equal(cluster.breakers.default.connections, 0);
  }
});

test('with a hash policy connections of one client go to one host', async () => {
  const { port } = await anEcho();
  const { tunnels, cluster, logged, service } = setUp(port, { balancer: { kind: 'maglev', tableSize: 101 } });
  const endpoints = ['127.0.0.1', '127.0.0.2', '127.0.0.3'].map((address) => anEndpoint(address, { port }));
  cluster.update(cluster.config, someEndpoints(...endpoints));
  for (let n = 0; n < 12; n++) {
    const client = new FakeConnection();
    tunnels.serve(client, service({ hashPolicies: [{ kind: 'sourceIp', terminal: false }] }));
    client.closeWith(null);
  }
  assert.equal(new Set(logged.map(({ upstreamHost }) => upstreamHost)).size, 1);
  assert.equal(logged.length, 12);
});

test('a connection is a success of its host', async () => {
  const { port } = await anEcho();
  const { tunnels, cluster, service } = setUp(port, { outlier: anOutlierConfig });
  const [host] = cluster.hosts.values();
  host?.reportLocal('connectFailed');
  assert.equal(host?.monitor.consecutive5xx, 1);
  const client = new FakeConnection();
  tunnels.serve(client, service());
  client.receive('x');
  await hears(client, '>x');
  assert.equal(host?.monitor.consecutive5xx, 0);
});

test('a client that leaves while it is connected for is forgotten', async () => {
  const { port, sockets } = await anEcho();
  const { tunnels, logged, service, cluster } = setUp(port);
  const client = new FakeConnection();
  tunnels.serve(client, service());
  client.closeWith(null);
  assert.deepEqual(lines(logged), ['DC  1']);
  assert.equal(tunnels.count, 0);
  assert.equal(cluster.breakers.default.connections, 0);
  await eventually(() => [...sockets].every((socket) => socket.destroyed));
});

test('a host that resets resets the client', async () => {
  const { port, sockets } = await anEcho();
  const { tunnels, logged, service } = setUp(port);
  const client = new FakeConnection();
  tunnels.serve(client, service());
  client.receive('x');
  await hears(client, '>x');
  for (const socket of sockets) socket.resetAndDestroy();
  await eventually(() => logged.length === 1);
  assert.equal(client.wasReset, true);
  assert.equal(logged[0]?.flagNames, 'UR');
});

test('closing ends every tunnel', async () => {
  const { port } = await anEcho();
  const { tunnels, logged, service } = setUp(port);
  const open = new FakeConnection();
  tunnels.serve(open, service());
  open.receive('x');
  await hears(open, '>x');
  const waiting = new FakeConnection();
  tunnels.serve(waiting, service());
  tunnels.close();
  assert.deepEqual([open.isClosed, waiting.isClosed, tunnels.count, logged.length], [true, true, 0, 2]);
});

test('silence is ended after the idle time', async () => {
  const { port } = await anEcho();
  const { tunnels, logged, service } = setUp(port);
  const client = new FakeConnection();
  tunnels.serve(client, service({ idleTimeoutMs: 30 }));
  await eventually(() => logged.length === 1);
  assert.equal(client.isClosed, true);
});

test('the inside of a CONNECT goes to the service of that name, else to where it leads', async () => {
  const { port } = await anEcho();
  const known = setUp(port, {}, 'outbound|80||orders');
  const host = { ...aVirtualHost(['orders'], [aRoute('/*')]), name: 'orders:80' };
  const { service } = aService({ table: compiled(aTable([host])) });
  const client = new FakeConnection();
  known.tunnels.tunnelTo(client, 'orders', service);
  client.receive('hi');
  await hears(client, '>hi');
  const open = setUp(
    port,
    { discovery: { kind: 'originalDst', useHttpHeader: false, portOverride: null } },
    'PassthroughCluster',
  );
  const stranger = new FakeConnection();
  open.tunnels.tunnelTo(stranger, `127.0.0.1:${port}`, service);
  stranger.receive('ho');
  await hears(stranger, '>ho');
});

test('the chain and the server name that was asked for are in the log', () => {
  const { tunnels, logged, service } = setUp(1);
  tunnels.serve(new FakeConnection(), service({}, 'other'), 'orders.example.com');
  assert.deepEqual([logged[0]?.filterChainName, logged[0]?.sni], ['chain', 'orders.example.com']);
});

test('a connection that fails is tried at another host, and no host twice', async () => {
  const { port } = await anEcho();
  const closed = await aClosedPort();
  const { tunnels, cluster, logged, service } = setUp(closed, { balancer: { kind: 'random' } });
  cluster.update(cluster.config, someEndpoints(...[closed, port].map((one) => anEndpoint('127.0.0.1', { port: one }))));
  for (let n = 0; n < 8; n++) {
    const client = new FakeConnection();
    tunnels.serve(client, service({ maxConnectAttempts: 2 }));
    client.receive('x');
    await hears(client, '>x');
    client.closeWith(null);
  }
  assert.deepEqual(new Set(logged.map(({ upstreamHost }) => upstreamHost)), new Set([`127.0.0.1:${port}`]));
  assert.ok(cluster.stats.upstream_cx_connect_fail > 0);
  const hosts = [...cluster.hosts.values()];
  assert.deepEqual(
    hosts.map(({ activeRequests, stats }) => [activeRequests, stats.cx_active]),
    [
      [0, 0],
      [0, 0],
    ],
  );
});

test('an open connection counts with its host and cluster', async () => {
  const { port } = await anEcho();
  const { tunnels, cluster, service } = setUp(port);
  const client = new FakeConnection();
  tunnels.serve(client, service());
  client.receive('x');
  await hears(client, '>x');
  const [host] = cluster.hosts.values();
  assert.deepEqual([host?.activeRequests, host?.stats.cx_active, cluster.stats.upstream_cx_active], [1, 1, 1]);
  client.closeWith(null);
  await eventually(() => cluster.stats.upstream_cx_active === 0);
  assert.deepEqual([host?.activeRequests, cluster.stats.upstream_cx_tx_bytes_total], [0, 1]);
});

test('the bytes of a connection are counted every 15 seconds while it lives, and the rest at its end', async () => {
  const { port } = await anEcho();
  const clock = new FakeClock();
  const { tunnels, counted, service } = setUp(port, {}, 'tcp', clock);
  const client = new FakeConnection();
  tunnels.serve(client, service());
  client.receive('hello');
  await hears(client, '>hello');
  clock.advance(14_999);
  assert.deepEqual(counted, ['opened there']);
  clock.advance(1);
  clock.advance(15_000);
  assert.deepEqual(counted, ['opened there', 'moved 5/6']);
  client.receive('you');
  await hears(client, '>hello>you');
  client.closeWith(null);
  assert.deepEqual(counted, ['opened there', 'moved 5/6', 'moved 3/4', 'closed DC']);
  await eventually(() => clock.pending === 0);
});

test('a connection ends at its greatest age, with the flag DT, used or not', async () => {
  const { port } = await anEcho();
  const clock = new FakeClock();
  const { tunnels, logged, service } = setUp(port, {}, 'tcp', clock);
  const client = new FakeConnection();
  tunnels.serve(client, service({ maxDurationMs: 60_000, idleTimeoutMs: 50_000 }));
  client.receive('x');
  await hears(client, '>x');
  clock.advance(40_000);
  client.receive('y');
  await hears(client, '>x>y');
  clock.advance(19_999);
  assert.equal(client.isClosed, false);
  clock.advance(1);
  assert.deepEqual([client.isClosed, lines(logged), clock.pending], [true, ['DT max_duration_timeout 1'], 0]);
});

test('a host that does not answer in the connect timeout is given up', async () => {
  const clock = new FakeClock();
  const { tunnels, cluster, logged, service } = setUp(9, { connectTimeoutMs: 1000 }, 'tcp', clock);
  // TEST-NET-1: nobody answers there.
  cluster.update(cluster.config, someEndpoints(anEndpoint('192.0.2.1', { port: 9 })));
  tunnels.serve(new FakeConnection(), service());
  clock.advance(1000);
  await eventually(() => logged.length === 1);
  assert.match(logged[0]?.flagNames ?? '', /UF,URX/);
});
