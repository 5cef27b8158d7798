import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { FakeClock } from '#shared/runtime/clock.ts';
import { seededRandom } from '#shared/runtime/random.ts';
import { TimerWheel } from '../net/timer-wheel.ts';
import { aRoute, aTableOf } from '../routing/routes.fixture.ts';
import { FakeConnection } from '../transport/fake-connection.fixture.ts';
import type { Connection } from '../transport/transport.ts';
import { aManager, aService } from './exchange.fixture.ts';
import { LiveCalls } from './grpc-messages.ts';
import { HttpConnections } from './http-connections.ts';
import { emptyPlan, type HttpService, type PlanChain } from './plan.ts';

const answers = (status: number, text: string) => ({ kind: 'direct', status, body: Buffer.from(text) }) as const;

/** HTTP connections over fake ones; `/` is answered by the proxy itself, `/boom` throws. */
function setUp(fields: Partial<HttpService> = {}, direction: PlanChain['direction'] = 'inbound') {
  const clock = new FakeClock();
  const tunnelled: { connection: Connection; authority: string }[] = [];
  const table = aTableOf([aRoute('/', { action: answers(200, 'hello') })]);
  const boom: HttpService['filters'][number] = {
    name: 'boom',
    onRequest({ request }) {
      if (request.path === '/boom') throw new Error('a bug');
      return { kind: 'continue' };
    },
  };
  const { service, logged } = aService({ table, filters: [boom], direction, ...fields });
  const host = {
    currentPlan: () => emptyPlan,
    clock,
    random: seededRandom(1),
    wheel: new TimerWheel(clock),
    ownAddress: '10.0.0.9',
    observe: () => undefined,
    calls: new LiveCalls(clock, () => undefined),
  };
  const connections = new HttpConnections(host, {
    tunnelTo: (connection, authority) => tunnelled.push({ connection, authority }),
  });
  const chain: PlanChain = {
    config: {
      name: 'c',
      match: {
        destinationPort: null,
        destinationCidrs: [],
        serverNames: [],
        transportProtocol: '',
        applicationProtocols: [],
        sourceCidrs: [],
        directSourceCidrs: [],
        sourcePorts: [],
      },
      tls: null,
      rbac: [],
      handler: { kind: 'http', http: service.manager },
      connectTimeoutMs: 0,
    },
    direction,
    refuse: () => null,
    handler: { kind: 'http', service },
  };
  const open = () => {
    const connection = new FakeConnection();
    connections.serve(connection, chain, service);
    return connection;
  };
  return { connections, open, clock, logged, tunnelled, chain };
}

const get = (path = '/') => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`;
const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));

describe('HTTP connections', () => {
  test('answer request after request in order', () => {
    const { open, logged } = setUp();
    const connection = open();
    connection.receive(get() + get('/none') + get());
    assert.deepEqual(statuses(connection.text), [200, 404, 200]);
    assert.equal(connection.isClosed, false);
    assert.deepEqual(
      logged.map(({ path, status }) => `${path} ${status}`),
      ['/ 200', '/none 404', '/ 200'],
    );
  });

  test('answer and log what is malformed, then close', () => {
    const { open, logged } = setUp();
    const connection = open();
    connection.receive('GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n');
    assert.deepEqual(statuses(connection.text), [400]);
    assert.match(connection.text, /connection: close/i);
    assert.deepEqual(
      logged.map(({ status, flagNames, method }) => `${method} ${status} ${flagNames}`),
      ['GET 400 DPE'],
    );
  });

  test('a bug in a filter costs one request, not the process', () => {
    const { open, logged } = setUp();
    const connection = open();
    connection.receive(get('/boom') + get());
    assert.deepEqual(statuses(connection.text), [500, 200]);
    assert.equal(logged[0]?.details, 'internal_error{a_bug}');
  });

  test('are counted while they are open', () => {
    const { open, connections } = setUp();
    const first = open();
    open();
    assert.equal(connections.count, 2);
    first.closeWith(null);
    assert.equal(connections.count, 1);
    connections.close();
    assert.equal(connections.count, 0);
  });

  test('heads that do not end are given up after the time for them', () => {
    const { open, clock, connections } = setUp({
      manager: aManager({ requestHeadersTimeoutMs: 500, delayedCloseTimeoutMs: 1000 }),
    });
    const connection = open();
    connection.receive('GET / HTTP/1.1\r\nhos');
    clock.advance(400);
    assert.deepEqual(statuses(connection.text), []);
    clock.advance(200);
    assert.deepEqual(statuses(connection.text), [408]);
    clock.advance(60_000);
    assert.equal(connections.count, 0);
  });

  test('idle connections are closed after the time for that', () => {
    const { open, clock } = setUp({ manager: aManager({ idleTimeoutMs: 1000 }) });
    const connection = open();
    connection.receive(get());
    clock.advance(1200);
    assert.equal(connection.hasEnded || connection.isClosed, true);
  });
});

describe('draining', () => {
  test('connections from the mesh say close with their next answer, idle ones too', () => {
    const { open, connections } = setUp();
    const busy = open();
    const idle = open();
    busy.receive('GET / HTTP/1.1\r\nhost: a\r\n');
    connections.startDraining('inbound');
    assert.equal(idle.hasEnded || idle.isClosed, false, 'a request may be on its way');
    idle.receive(get());
    assert.match(idle.text, /connection: close/i);
    busy.receive('\r\n');
    assert.deepEqual(statuses(busy.text), [200]);
    assert.match(busy.text, /connection: close/i);
    assert.equal(busy.hasEnded, true);
  });

  test('connections that come late are answered once and told to go elsewhere (vector 20)', () => {
    const { open, connections } = setUp();
    connections.startDraining('inbound');
    const late = open();
    assert.equal(late.hasEnded || late.isClosed, false);
    late.receive(get() + get());
    assert.deepEqual(statuses(late.text), [200]);
    assert.match(late.text, /connection: close/i);
    assert.equal(late.hasEnded, true);
  });

  test('connections of applications are left alone', () => {
    const { open, connections } = setUp({}, 'outbound');
    const connection = open();
    connections.startDraining('inbound');
    connection.receive(get());
    assert.doesNotMatch(connection.text, /connection: close/i);
    assert.equal(connection.hasEnded, false);
  });

  test('when a successor serves all are told to go, also those of applications', () => {
    const { open, connections } = setUp({}, 'outbound');
    const connection = open();
    connections.startDraining('all');
    connections.startDraining('inbound');
    connection.receive(get());
    assert.match(connection.text, /connection: close/i);
    assert.equal(connection.hasEnded, true);
  });

  test('connections of chains that are gone end, others stay', () => {
    const { open, connections } = setUp();
    const connection = open();
    connections.drain(() => false);
    assert.equal(connection.hasEnded, false);
    connections.drain(() => true);
    assert.equal(connection.hasEnded || connection.isClosed, true);
  });
});

describe('CONNECT on the listener that is an HTTP proxy', () => {
  const connect = 'CONNECT orders:8080 HTTP/1.1\r\nhost: orders:8080\r\n\r\n';

  test('HTTP inside is routed as any request', async () => {
    const { open, logged, connections } = setUp({ isForwardProxy: true }, 'outbound');
    const connection = open();
    connection.receive(connect);
    await turn();
    assert.deepEqual(statuses(connection.takeText()), [200]);
    connection.receive(get());
    connection.deliver();
    assert.deepEqual(statuses(connection.text), [200]);
    assert.equal(logged.length, 1);
    assert.equal(connections.count, 1);
    connection.closeWith(null);
    assert.equal(connections.count, 0);
  });

  test('other bytes are passed through to the named host, with what was read of them', async () => {
    const { open, tunnelled, connections } = setUp({ isForwardProxy: true }, 'outbound');
    const connection = open();
    connection.receive(connect);
    await turn();
    connection.receive('\0binary');
    assert.deepEqual(
      tunnelled.map(({ authority }) => authority),
      ['orders:8080'],
    );
    let seen = '';
    tunnelled[0]?.connection.setHandler({
      onData: (bytes) => (seen += bytes.toString()),
      onDrain: () => undefined,
      onEnd: () => undefined,
      onClose: () => undefined,
    });
    connection.deliver();
    assert.equal(seen, '\0binary');
    assert.equal(connections.count, 0);
  });

  test('a client that leaves before it said anything is forgotten', async () => {
    const { open, connections } = setUp({ isForwardProxy: true }, 'outbound');
    const connection = open();
    connection.receive(connect);
    await turn();
    connection.receiveEnd();
    assert.equal(connection.hasEnded, true);
    connection.closeWith(null);
    assert.equal(connections.count, 0);
  });

  test('a client that is silent inside of it is closed with all others', async () => {
    const { open, connections } = setUp({ isForwardProxy: true }, 'outbound');
    const connection = open();
    connection.receive(connect);
    await turn();
    connections.close();
    assert.equal(connection.isClosed, true);
  });

  test('is an ordinary request elsewhere', () => {
    const { open } = setUp();
    const connection = open();
    connection.receive(connect);
    assert.deepEqual(statuses(connection.text), [404]);
  });
});
