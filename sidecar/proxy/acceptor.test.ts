import assert from 'node:assert/strict';
import net from 'node:net';
import { after, afterEach, test } from 'node:test';
import tls from 'node:tls';
import { systemClock } from '#shared/runtime/clock.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { eventually } from '../../test/support/eventually.ts';
import { TcpListener } from '../net/listener.ts';
import { WorkloadSecrets } from '../net/secret-store.ts';
import { anAuthority, anIdentity, meshTls } from '../net/tls.fixture.ts';
import { TlsContext } from '../net/tls-contexts.ts';
import { TlsAcceptor } from '../net/tls-server.ts';
import type { FilterChain, FilterChainMatch, Inspection, ListenerConfig } from '../snapshot/listener.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import { Acceptor, type AcceptHost } from './acceptor.ts';
import { ChainMatcher } from './chain-match.ts';
import { aService } from './exchange.fixture.ts';
import { emptyPlan, type Plan, type PlanChain, type PlanListener } from './plan.ts';
import { originalDestinationOf } from './redirected.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

const anyMatch: FilterChainMatch = {
  destinationPort: null,
  destinationCidrs: [],
  serverNames: [],
  transportProtocol: '',
  applicationProtocols: [],
  sourceCidrs: [],
  directSourceCidrs: [],
  sourcePorts: [],
};
const noInspection: Inspection = {
  originalDst: false,
  originalSrcMark: null,
  tls: false,
  http: false,
  disabledPorts: [],
  timeoutMs: 0,
  continueOnTimeout: false,
};

type ChainSetup = Partial<FilterChainMatch> & { refusal?: string; tls?: FilterChain['tls'] };

function aChain(name: string, { refusal, tls = null, ...match }: ChainSetup): PlanChain {
  const { service } = aService();
  const config: FilterChain = {
    name,
    match: { ...anyMatch, ...match },
    tls,
    rbac: [],
    handler: { kind: 'http', http: service.manager },
    connectTimeoutMs: 0,
  };
  return { config, direction: 'inbound', refuse: () => refusal ?? null, handler: { kind: 'http', service } };
}

function aListener(
  chains: Record<string, ChainSetup>,
  config: Partial<ListenerConfig> = {},
  logged: AccessRecord[] = [],
): PlanListener {
  const compiled = Object.entries(chains).map(([name, setup]) => aChain(name, setup));
  return {
    config: {
      name: 'bound',
      address: '127.0.0.1',
      port: 0,
      bindToPort: true,
      useOriginalDst: false,
      transparent: false,
      direction: 'inbound',
      inspect: noInspection,
      chains: [],
      defaultChain: null,
      accessLogs: [],
      compat: '',
      probe: null,
      ...config,
    },
    matcher: new ChainMatcher(compiled.map((chain) => ({ match: chain.config.match, chain }))),
    defaultChain: null,
    accessLogs: [{ log: (record) => logged.push(record) }],
  };
}

/** A listener on loopback; what it serves is told as `chain local-address:port first-bytes`. */
async function listen(listeners: Record<string, PlanListener>, overrides: Partial<AcceptHost> = {}) {
  const served: string[] = [];
  const told: string[] = [];
  const plan: Plan = { ...emptyPlan, listeners: new Map(Object.entries(listeners)) };
  const host: AcceptHost = {
    currentPlan: () => plan,
    clock: systemClock,
    originalDestination: null,
    tlsAcceptor: () => null,
    serve: (connection, chain) => {
      const at = served.push(`${chain.config.name} ${connection.localAddress}`) - 1;
      connection.setHandler({
        onData: (bytes) => (served[at] += ` ${bytes.toString()}`),
        onDrain: () => undefined,
        onEnd: () => connection.end(),
        onClose: () => undefined,
      });
    },
    log: (_level, message, facts) => told.push(`${message} ${String(facts['reason'])}`),
    ...overrides,
  };
  const acceptor = new Acceptor(host, 'bound');
  const options = { address: '127.0.0.1', port: 0, reusePort: false, fd: null, backlog: 8, maxConnections: 0 };
  const listener = await TcpListener.listen(options, {
    onSocket: (socket) => acceptor.accept(socket),
    onRefused: () => undefined,
  });
  cleanUps.push(() => listener.close());
  const connect = async (bytes = '') => {
    const client = net.connect(listener.port, '127.0.0.1');
    cleanUps.push(() => client.destroy());
    client.on('error', () => undefined);
    await eventually(() => !client.connecting, 5000, 1);
    if (bytes !== '') client.write(bytes);
    return client;
  };
  return { served, told, connect, port: listener.port };
}

const ignore = () => undefined;
const isGone = (client: net.Socket) => eventually(() => client.destroyed);

test('the chain of the bytes is chosen, and reads them again', async () => {
  const inspect = { ...noInspection, tls: true, http: true };
  const chains = { http: { applicationProtocols: ['http/1.1', 'h2c'] }, other: {} };
  const { served, connect } = await listen({ bound: aListener(chains, { inspect }) });
  await connect('GET / HTTP/1.1\r\n');
  await connect('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  await connect('\0\0\0\x10 binary');
  await connect('GET / HTTP/1.0\r\n');
  await eventually(() => served.length === 4 && served.every((line) => line.split(' ').length > 2));
  assert.deepEqual(served.map((line) => line.replaceAll('\r\n', '|')).sort(), [
    'http 127.0.0.1 GET / HTTP/1.1|',
    'http 127.0.0.1 PRI * HTTP/2.0||SM||',
    'other 127.0.0.1 \0\0\0\x10 binary',
    'other 127.0.0.1 GET / HTTP/1.0|',
  ]);
});

test('a client that says nothing goes on, or is closed, after the time for it', async () => {
  const inspect = { ...noInspection, http: true, timeoutMs: 30 };
  const chains = { http: { applicationProtocols: ['http/1.1'] }, other: {} };
  const patient = await listen({ bound: aListener(chains, { inspect: { ...inspect, continueOnTimeout: true } }) });
  await patient.connect();
  await eventually(() => patient.served.length === 1);
  assert.deepEqual(patient.served, ['other 127.0.0.1']);
  const strict = await listen({ bound: aListener(chains, { inspect }) });
  await isGone(await strict.connect());
  assert.deepEqual(strict.served, []);
});

test('nobody waits for bytes where no choice hangs on them, or where inspectors are off for the port', async () => {
  const inspect = { ...noInspection, http: true, tls: true };
  const plain = await listen({ bound: aListener({ all: {} }, { inspect }) });
  await plain.connect();
  await eventually(() => plain.served.length === 1);
  const off = await listen({
    bound: aListener(
      { http: { applicationProtocols: ['http/1.1'] }, other: {} },
      {
        inspect: {
          ...inspect,
          disabledPorts: [
            { inspector: 'tls', start: 1, end: 65_536 },
            { inspector: 'http', start: 1, end: 65_536 },
          ],
        },
      },
    ),
  });
  await off.connect();
  await eventually(() => off.served.length === 1);
  assert.deepEqual(off.served, ['other 127.0.0.1']);
});

test('a connection that no chain takes is reset and logged by the listener', async () => {
  const logged: AccessRecord[] = [];
  const { served, connect } = await listen({ bound: aListener({ mesh: { destinationPort: 1 } }, {}, logged) });
  await isGone(await connect('hello'));
  assert.deepEqual(served, []);
  assert.deepEqual(
    logged.map((record) => `${record.flagNames} ${record.details} ${record.downstreamRemoteAddress.split(':')[0]}`),
    ['NR filter_chain_not_found 127.0.0.1'],
  );
});

test('where only TLS is looked for, the first byte that is none decides', async () => {
  const inspect = { ...noInspection, tls: true };
  const chains = { named: { serverNames: ['a.example'] }, plain: { transportProtocol: 'raw_buffer' } } as const;
  const { served, connect } = await listen({ bound: aListener(chains, { inspect }) });
  await connect('GET');
  await eventually(() => served[0] === 'plain 127.0.0.1 GET');
});

test('the server name of a hello chooses the chain, goes to whoever serves it, and into the log if nobody does', async () => {
  const inspect = { ...noInspection, tls: true };
  const names: string[] = [];
  const hellos: Buffer[] = [];
  const logged: AccessRecord[] = [];
  const serve: AcceptHost['serve'] = (connection, chain, serverName) => {
    names.push(`${chain.config.name} ${serverName}`);
    const onData = (bytes: Buffer) => void hellos.push(Buffer.from(bytes));
    connection.setHandler({ onData, onDrain: ignore, onEnd: ignore, onClose: ignore });
  };
  const chains = { exact: { serverNames: ['a.example'] }, wild: { serverNames: ['*.example'] } };
  const { port } = await listen({ bound: aListener(chains, { inspect }, logged) }, { serve });
  for (const servername of ['A.example', 'b.example', 'c.org']) {
    const client = tls.connect({ port, host: '127.0.0.1', servername });
    cleanUps.push(() => client.destroy());
    client.on('error', ignore);
  }
  await eventually(() => names.length === 2 && hellos.length >= 2 && logged.length === 1);
  assert.deepEqual(names.toSorted(), ['exact a.example', 'wild b.example']);
  assert.ok(hellos.every((hello) => hello[0] === 22));
  assert.deepEqual([logged[0]?.sni, logged[0]?.flagNames], ['c.org', 'NR']);
});

test('a connection that the rules deny is closed before a byte of it is served', async () => {
  const { served, told, connect } = await listen({ bound: aListener({ all: { refusal: 'rbac_denied' } }) });
  await isGone(await connect('hello'));
  assert.deepEqual(served, []);
  assert.deepEqual(told, ['a connection was denied rbac_denied']);
});

test('a listener that is gone from the plan takes nobody', async () => {
  const { served, connect } = await listen({});
  await isGone(await connect());
  assert.deepEqual(served, []);
});

test('the original destination chooses the listener: the exact address, then any address, then the bound one', async () => {
  const to = (address: string, port: number) => ({ address, port, bindToPort: false });
  const listeners = {
    bound: aListener({ fallback: {} }, { useOriginalDst: true }),
    exact: aListener({ exact: {} }, to('10.0.0.1', 80)),
    any: aListener({ any: {} }, to('0.0.0.0', 80)),
    bindsItself: aListener({ wrong: {} }, { ...to('10.0.0.3', 90), bindToPort: true }),
  };
  let destination = { address: '10.0.0.1', port: 80 };
  const { served, connect } = await listen(listeners, { originalDestination: () => destination });
  for (const next of [
    { address: '10.0.0.1', port: 80 },
    { address: '10.0.0.2', port: 80 },
    { address: '10.0.0.3', port: 90 },
  ]) {
    destination = next;
    const before = served.length;
    await connect();
    await eventually(() => served.length > before);
  }
  assert.deepEqual(served, ['exact 10.0.0.1', 'any 10.0.0.2', 'fallback 10.0.0.3']);
});

test('a connection that was not redirected has its own address', async () => {
  const listeners = { bound: aListener({ fallback: {} }, { useOriginalDst: true }) };
  const { served, connect } = await listen(listeners, { originalDestination: () => null });
  await connect();
  await eventually(() => served.length === 1);
  assert.deepEqual(served, ['fallback 127.0.0.1']);
});

test('only a redirected connection has an original destination: passed on, another would come back to us for ever', async () => {
  const found: unknown[] = [];
  const serve: AcceptHost['serve'] = (connection) => void found.push(originalDestinationOf(connection));
  const listeners = { bound: aListener({ fallback: {} }, { useOriginalDst: true }) };
  const there = { address: '10.0.0.1', port: 80 };
  const redirected = await listen(listeners, { serve, originalDestination: () => there });
  await redirected.connect();
  await eventually(() => found.length === 1);
  const same = (socket: net.Socket) => ({ address: '127.0.0.1', port: socket.localPort ?? 0 });
  const direct = await listen(listeners, { serve, originalDestination: same });
  await direct.connect();
  await eventually(() => found.length === 2);
  assert.deepEqual(found, [{ ...there, inNameOf: null }, null]);
});

test('what comes to a transparent listener by the port of another was meant for that one, and is passed on in the name of its client', async () => {
  const found: unknown[] = [];
  const serve: AcceptHost['serve'] = (connection) => void found.push(originalDestinationOf(connection));
  const inspect = { ...noInspection, originalDst: true, originalSrcMark: 1337 };
  const own = (socket: net.Socket) => ({ address: '127.0.0.1', port: socket.localPort ?? 0 });
  const transparent = { transparent: true, inspect, port: 15_006 };
  const taken = await listen({ bound: aListener({ all: {} }, transparent) }, { serve, originalDestination: own });
  await taken.connect();
  await eventually(() => found.length === 1);
  const direct = await listen({ bound: aListener({ all: {} }, { ...transparent, port: 0 }) }, { serve });
  await direct.connect();
  await eventually(() => found.length === 2);
  const inNameOf = { address: '127.0.0.1', mark: 1337 };
  assert.deepEqual(found, [{ address: '127.0.0.1', port: taken.port, inNameOf }, null]);
});

test('a destination port chooses the chain', async () => {
  const inspect = { ...noInspection, originalDst: true };
  const chains = { eighty: { destinationPort: 80 }, rest: {} };
  const { served, connect } = await listen(
    { bound: aListener(chains, { inspect }) },
    { originalDestination: () => ({ address: '10.0.0.1', port: 80 }) },
  );
  await connect();
  await eventually(() => served.length === 1);
  assert.deepEqual(served, ['eighty 10.0.0.1']);
});

const authority = anAuthority();
const identity = new WatchSource(anIdentity(authority, 'spiffe://cluster.local/ns/shop/sa/orders'));
const secrets = new WorkloadSecrets({ workload: identity, clock: systemClock, onProblem: () => undefined });
after(() => secrets.close());

const aTlsConfig: FilterChain['tls'] = {
  kind: 'downstream',
  certificates: [],
  validation: null,
  alpn: [],
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  cipherSuites: [],
  requireClientCertificate: true,
};

test('PERMISSIVE: mesh TLS is ended here, plaintext is taken as it is, TLS without a certificate is refused and logged', async () => {
  const settings = meshTls();
  const acceptor = new TlsAcceptor(settings, new TlsContext(settings, secrets), {
    handshakeTimeoutMs: 5000,
    clock: systemClock,
  });
  const chains = {
    mesh: { transportProtocol: 'tls', applicationProtocols: ['istio'], tls: aTlsConfig },
    plain: { transportProtocol: 'raw_buffer' },
  } as const;
  const inspect = { ...noInspection, tls: true };
  const { served, told, connect, port } = await listen(
    { bound: aListener(chains, { inspect }) },
    { tlsAcceptor: () => acceptor },
  );
  await connect('GET / HTTP/1.1\r\n\r\n');
  const caller = anIdentity(authority, 'spiffe://cluster.local/ns/shop/sa/cart');
  const options = { port, host: '127.0.0.1', ca: authority.pem, ALPNProtocols: ['istio'] };
  const unnamed = { ...options, checkServerIdentity: () => undefined };
  const mesh = tls.connect({ ...unnamed, cert: caller.chainPem, key: caller.key.reveal() }, () => mesh.write('hi'));
  const stranger = tls.connect(unnamed);
  cleanUps.push(
    () => mesh.destroy(),
    () => stranger.destroy(),
  );
  stranger.on('error', () => undefined);
  await eventually(() => served.length === 2 && told.length === 1 && served.every((line) => line.length > 15));
  assert.deepEqual(served.sort(), ['mesh 127.0.0.1 hi', 'plain 127.0.0.1 GET / HTTP/1.1\r\n\r\n']);
  assert.match(told[0] ?? '', /^a TLS connection was refused .+/);
});
