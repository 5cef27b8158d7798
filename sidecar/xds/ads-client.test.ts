import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { credentials, Metadata, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { FakeClock } from '#shared/runtime/clock.ts';
import { encodeMessage } from '#shared/xds/codec.ts';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '#shared/xds/discovery.ts';
import { aPackedMessage } from '#shared/xds/packed.fixture.ts';
import { adsService, createAdsClient } from '#shared/xds/services.ts';
import { healthInformationTypeUrl, typeUrls } from '#shared/xds/type-urls.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import { eventually } from '../../test/support/eventually.ts';
import { XdsClient } from './ads-client.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0).reverse()) cleanUp();
});

type Call = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

/** A control plane that does what the test says, and keeps what it is asked. */
class FakeControlPlane {
  readonly requests: DeltaDiscoveryRequest[] = [];
  readonly calls: Call[] = [];
  port = 0;
  #server: Server | null = null;
  #nonce = 0;

  async start(): Promise<void> {
    const server = new Server();
    server.addService(adsService, {
      StreamAggregatedResources: (call: Call) => call.end(),
      DeltaAggregatedResources: (call: Call) => {
        this.calls.push(call);
        call.on('data', (request: DeltaDiscoveryRequest) => this.requests.push(request));
        call.on('error', () => undefined);
      },
    });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    server.bindAsync(`127.0.0.1:${this.port}`, ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
    this.port = await promise;
    this.#server = server;
  }

  stop(): void {
    this.#server?.forceShutdown();
    this.#server = null;
  }

  send(typeUrl: string, messages: readonly TypedMessage[], removedResources: readonly string[] = []): string {
    const nonce = `n${++this.#nonce}`;
    this.sendRaw({
      systemVersionInfo: '',
      typeUrl,
      nonce,
      removedResources,
      resources: messages.map((message) => ({
        name: String(message['name'] ?? message['cluster_name']),
        version: `v${this.#nonce}`,
        resource: { typeUrl: message['@type'], value: encodeMessage(message) },
      })),
    });
    return nonce;
  }

  sendRaw(response: DeltaDiscoveryResponse): void {
    this.calls.at(-1)?.write(response);
  }

  of(typeUrl: string): DeltaDiscoveryRequest[] {
    return this.requests.filter((request) => request.typeUrl === typeUrl);
  }
}

async function setUp({ random = () => 0.5 }: { random?: () => number } = {}) {
  const server = new FakeControlPlane();
  await server.start();
  const clock = new FakeClock();
  const logged: string[] = [];
  let accepted = 0;
  let opened = 0;
  const xds = new XdsClient({
    node: { id: 'sidecar~1', cluster: 'orders', metadata: { NAMESPACE: 'shop' } },
    open: () => {
      opened++;
      return Promise.resolve({
        client: createAdsClient(`127.0.0.1:${server.port}`, credentials.createInsecure()),
        metadata: new Metadata(),
      });
    },
    clock,
    random,
    log: (level, message, facts) => logged.push(`${level} ${message} ${JSON.stringify(facts)}`),
    onAccepted: () => accepted++,
  });
  cleanUps.push(
    () => server.stop(),
    () => xds.close(),
  );
  return { server, clock, logged, xds, accepted: () => accepted, opened: () => opened };
}

const aCluster = (name: string, fields: object = {}): TypedMessage => ({ '@type': typeUrls.cluster, name, ...fields });

test('asks for everything with its node once, acknowledges what it takes, and shows it', async () => {
  const { server, xds, accepted } = await setUp();
  xds.start();
  await eventually(() => server.requests.length === 2);
  assert.deepEqual(
    server.requests.map(({ typeUrl, resourceNamesSubscribe, node }) => [typeUrl, resourceNamesSubscribe, node?.id]),
    [
      [typeUrls.cluster, ['*'], 'sidecar~1'],
      [typeUrls.listener, ['*'], undefined],
    ],
  );
  const nonce = server.send(typeUrls.cluster, [aCluster('a'), aCluster('b')]);
  await eventually(() => server.requests.length === 3);
  assert.deepEqual([server.requests[2]?.responseNonce, server.requests[2]?.errorDetail], [nonce, undefined]);
  assert.deepEqual([...xds.view.current().snapshot.clusters.keys()], ['a', 'b']);
  assert.equal(xds.view.current().state.isConnected, true);
  assert.equal(accepted(), 1);
});

test('refuses a bad resource with its path and takes the good one beside it', async () => {
  const { server, xds, logged } = await setUp();
  xds.start();
  await eventually(() => server.requests.length === 2);
  const nonce = server.send(typeUrls.cluster, [
    aCluster('good'),
    aCluster('bad', { connect_timeout: '1s', health_checks: [{}] }),
  ]);
  await eventually(() => server.requests.length === 3);
  const [, , nack] = server.requests;
  assert.equal(nack?.responseNonce, nonce);
  assert.deepEqual(nack.errorDetail, { code: 13, message: 'bad: health_checks: is not supported' });
  assert.deepEqual([...xds.view.current().snapshot.clusters.keys()], ['good']);
  assert.match(logged.join(), /warn a resource was refused .*"name":"bad".*health_checks/);
});

test('a resource that cannot be unpacked is refused by name, and costs nothing else', async () => {
  const { server, xds } = await setUp();
  xds.start();
  await eventually(() => server.requests.length === 2);
  const bytes = (value: Buffer, typeUrl: string = typeUrls.cluster) => ({ typeUrl, value });
  server.sendRaw({
    systemVersionInfo: '',
    typeUrl: typeUrls.cluster,
    nonce: 'n1',
    removedResources: [],
    resources: [
      { name: 'broken', version: '1', resource: bytes(Buffer.from([0x0a, 0xff])) },
      { name: 'foreign', version: '1', resource: bytes(Buffer.alloc(0), 'type.googleapis.com/no.such.Type') },
      { name: 'good', version: '1', resource: bytes(encodeMessage(aCluster('good'))) },
    ],
  });
  await eventually(() => server.requests.length === 3);
  const message = server.requests[2]?.errorDetail?.message ?? '';
  assert.match(message, /broken: .+/);
  assert.match(message, /foreign: .*no\.such\.Type/);
  assert.deepEqual([...xds.view.current().snapshot.clusters.keys()], ['good']);
});

test('an answer of a type that was not asked for is not answered', async () => {
  const { server, xds, logged } = await setUp();
  xds.start();
  await eventually(() => server.requests.length === 2);
  const secret = { systemVersionInfo: '', typeUrl: typeUrls.secret, nonce: 's', resources: [], removedResources: [] };
  server.sendRaw(secret);
  await eventually(() => logged.length === 1);
  assert.match(logged[0] ?? '', /a response of a type that was not asked for/);
  assert.equal(server.requests.length, 2);
});

test('a stream that ends is opened again after a full-jitter back-off, telling the versions that are held', async () => {
  const { server, xds, clock, logged, opened } = await setUp({ random: () => 0.999 });
  xds.start();
  await eventually(() => server.requests.length === 2);
  server.send(typeUrls.cluster, [aCluster('a')]);
  await eventually(() => server.requests.length === 3);
  server.calls.at(-1)?.end();
  await eventually(() => logged.length === 1);
  assert.equal(xds.view.current().state.isConnected, false);
  assert.deepEqual([...xds.view.current().snapshot.clusters.keys()], ['a']);
  assert.match(logged[0] ?? '', /"failures":1,"retryInMs":249/);
  assert.match(xds.view.current().lastError, /ended the stream/);
  clock.advance(248);
  assert.equal(opened(), 1);
  clock.advance(1);
  await eventually(() => server.calls.length === 2 && server.requests.length === 5);
  const again = server.of(typeUrls.cluster).at(-1);
  assert.deepEqual(again?.initialResourceVersions, { a: 'v1' });
  assert.equal(again.node?.id, 'sidecar~1');
});

test('while nobody answers it waits longer each time, up to 10 s; an answer ends that', async () => {
  const { server, xds, clock, logged } = await setUp({ random: () => 0.999 });
  server.stop();
  xds.start();
  const waits: number[] = [];
  for (let failures = 1; failures <= 8; failures++) {
    await eventually(() => logged.length === failures);
    const wait = Number(/"retryInMs":(\d+)/.exec(logged.at(-1) ?? '')?.[1]);
    waits.push(wait);
    if (failures < 8) clock.advance(wait);
  }
  assert.deepEqual(waits, [249, 449, 849, 1648, 3246, 6443, 10_040, 10_040]);
  await server.start();
  clock.advance(10_040);
  await eventually(() => server.requests.length === 2);
  server.send(typeUrls.cluster, []);
  await eventually(() => server.requests.length === 3);
  server.calls.at(-1)?.end();
  await eventually(() => logged.length === 9);
  assert.match(logged[8] ?? '', /"failures":1,/);
});

test('tells the application’s health, anew on each stream', async () => {
  const { server, xds, clock, logged } = await setUp();
  xds.setHealth(false, 'no answer');
  xds.start();
  await eventually(() => server.of(healthInformationTypeUrl).length === 1);
  assert.deepEqual(server.of(healthInformationTypeUrl)[0]?.errorDetail, { code: 500, message: 'no answer' });
  xds.setHealth(true, '');
  await eventually(() => server.of(healthInformationTypeUrl).length === 2);
  assert.equal(server.of(healthInformationTypeUrl)[1]?.errorDetail, undefined);
  server.calls.at(-1)?.end();
  await eventually(() => logged.length === 1);
  clock.advance(1000);
  await eventually(() => server.of(healthInformationTypeUrl).length === 3);
});

test('what the disk held is shown before anybody answers, and only what changed is sent', async () => {
  const { server, xds, accepted } = await setUp();
  xds.restore([{ type: 'cluster', name: 'old', version: 'v7', message: aPackedMessage(aCluster('old')) }]);
  assert.deepEqual([...xds.view.current().snapshot.clusters.keys()], ['old']);
  assert.equal(accepted(), 1);
  xds.start();
  await eventually(() => server.requests.length === 2);
  assert.deepEqual(server.of(typeUrls.cluster)[0]?.initialResourceVersions, { old: 'v7' });
});

test('once closed it opens nothing more', async () => {
  const { server, xds, clock, opened, logged } = await setUp();
  xds.start();
  await eventually(() => server.requests.length === 2);
  xds.close();
  await eventually(() => server.calls[0]?.cancelled === true);
  clock.advance(60_000);
  assert.equal(opened(), 1);
  assert.deepEqual(logged, []);
});
