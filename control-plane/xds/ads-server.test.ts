import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import {
  credentials,
  Metadata,
  ServerCredentials,
  status,
  type ClientDuplexStream,
  type ServiceError,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { FakeClock } from '#shared/runtime/clock.ts';
import { fail, ok, problem } from '#shared/runtime/result.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '#shared/xds/discovery.ts';
import { adsService, createAdsClient, type AdsClient } from '#shared/xds/services.ts';
import { healthInformationTypeUrl, typeUrls } from '#shared/xds/type-urls.ts';
import { aRoot, aWorkloadLeaf } from '../../test/support/certificates.ts';
import { eventually } from '../../test/support/eventually.ts';
import { startAdsServer, type AdsServer, type AdsServerOptions } from './ads-server.ts';
import { Proxies } from './proxies.ts';
import { aSnapshot, urls, type Contents } from './testing/drive.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0).reverse()) cleanUp();
});

const full = { CDS: 'a@1', EDS: 'a@1', LDS: 'l@1', RDS: 'l@1' };
const node = { id: 'p1', cluster: 'c', metadata: { NAMESPACE: 'shop' } };

type Mesh = Readonly<{
  server: AdsServer;
  client: AdsClient;
  proxies: Proxies;
  health: string[];
  opened: { now: number };
  publish(generation: number, contents: Contents): void;
}>;

async function startMesh(overrides: Partial<AdsServerOptions> = {}): Promise<Mesh> {
  const snapshots = new WatchSource(aSnapshot(1, full));
  const proxies = new Proxies();
  const health: string[] = [];
  const opened = { now: 0 };
  const server = await startAdsServer({
    listen: { plaintext: ['127.0.0.1:0'] },
    provider: {
      open(node) {
        if (node.cluster === '') return fail([problem('node.cluster', 'is missing')]);
        opened.now++;
        return ok({ snapshots, close: () => opened.now-- });
      },
    },
    authenticate: async ({ metadata }) => {
      const [authorization] = metadata.get('authorization');
      if (authorization === 'Bearer wrong') throw new MeshError('authentication', 'the join token is not known');
      return authorization === undefined ? null : { spiffeId: 'spiffe://td/ns/shop/sa/a', method: 'join-token' };
    },
    proxies,
    clock: new FakeClock(),
    logger: { info: () => {}, warn: () => {} },
    onHealth: (proxy, { healthy, message }) => health.push(`${proxy.id} ${healthy} ${message}`),
    ...overrides,
  });
  cleanUps.push(() => server.close());
  const client = createAdsClient(server.addresses.plaintext[0]!, credentials.createInsecure());
  cleanUps.push(() => client.close());
  const publish = (generation: number, contents: Contents) => snapshots.set(aSnapshot(generation, contents));
  return { server, client, proxies, health, opened, publish };
}

/** The responses of a stream as they come. */
class Responses<T> {
  readonly #waiting: T[] = [];
  readonly #stream: ClientDuplexStream<unknown, T>;
  error: ServiceError | undefined;

  constructor(stream: ClientDuplexStream<never, T>) {
    this.#stream = stream as ClientDuplexStream<unknown, T>;
    stream.on('data', (response: T) => this.#waiting.push(response));
    stream.on('error', (error: ServiceError) => (this.error = error));
    cleanUps.push(() => stream.cancel());
  }

  async next(): Promise<T> {
    await eventually(() => this.#waiting.length > 0);
    return this.#waiting.shift()!;
  }

  get count(): number {
    return this.#waiting.length;
  }

  async failure(): Promise<ServiceError> {
    await eventually(() => this.error !== undefined);
    return this.error!;
  }

  cancel(): void {
    this.#stream.cancel();
  }
}

function sotwRequest(request: Partial<DiscoveryRequest>): DiscoveryRequest {
  return { typeUrl: typeUrls.cluster, versionInfo: '', resourceNames: [], responseNonce: '', ...request };
}

function deltaRequest(request: Partial<DeltaDiscoveryRequest>): DeltaDiscoveryRequest {
  return {
    typeUrl: typeUrls.cluster,
    resourceNamesSubscribe: [],
    resourceNamesUnsubscribe: [],
    initialResourceVersions: {},
    responseNonce: '',
    ...request,
  };
}

function bodies(response: DiscoveryResponse | DeltaDiscoveryResponse): string[] {
  return 'versionInfo' in response
    ? response.resources.map(({ value }) => value.toString())
    : response.resources.map(({ resource }) => resource.value.toString());
}

test('serves state of the world: update, refusal, and again after a change', async () => {
  const { client, proxies, publish } = await startMesh();
  const stream = client.StreamAggregatedResources();
  const responses = new Responses<DiscoveryResponse>(stream);
  stream.write(sotwRequest({ node }));
  const first = await responses.next();
  assert.deepEqual(bodies(first), ['a@1']);
  stream.write(sotwRequest({ responseNonce: first.nonce, versionInfo: first.versionInfo }));
  await eventually(() => proxies.find('p1')?.status().types[0]?.acceptedGeneration === 1);
  publish(2, { ...full, CDS: 'a@2' });
  const second = await responses.next();
  assert.notEqual(second.versionInfo, first.versionInfo);
  const errorDetail = { code: 3, message: 'bad cluster a' };
  stream.write(sotwRequest({ responseNonce: second.nonce, versionInfo: first.versionInfo, errorDetail }));
  await eventually(() => proxies.find('p1')?.status().lastRefusal?.message === 'bad cluster a');
  publish(3, { ...full, CDS: 'a@2' });
  publish(4, { ...full, CDS: 'a@4' });
  assert.deepEqual(bodies(await responses.next()), ['a@4']);
  assert.equal(responses.count, 0);
});

test('serves incrementally, and after a reconnect only what changed', async () => {
  const { client, proxies, publish, opened } = await startMesh();
  const stream = client.DeltaAggregatedResources();
  const responses = new Responses<DeltaDiscoveryResponse>(stream);
  stream.write(deltaRequest({ node }));
  const first = await responses.next();
  assert.deepEqual(bodies(first), ['a@1']);
  assert.equal(first.systemVersionInfo, '1');
  stream.write(deltaRequest({ typeUrl: typeUrls.listener }));
  const listeners = await responses.next();
  stream.write(deltaRequest({ responseNonce: first.nonce }));
  stream.write(deltaRequest({ typeUrl: typeUrls.listener, responseNonce: listeners.nonce }));
  await eventually(() => proxies.find('p1')?.status().appliedGeneration === 1);
  responses.cancel();
  await eventually(() => opened.now === 0 && proxies.list().length === 0);
  publish(2, { ...full, CDS: 'a@1 b@1' });
  const again = client.DeltaAggregatedResources();
  const later = new Responses<DeltaDiscoveryResponse>(again);
  again.write(deltaRequest({ node, initialResourceVersions: { a: '1' } }));
  assert.deepEqual(bodies(await later.next()), ['b@1']);
});

test('a client that says it is somebody is known by its identity; a wrong token is refused by name', async () => {
  const { client, proxies } = await startMesh();
  const metadata = new Metadata();
  metadata.set('authorization', 'Bearer right');
  const stream = client.DeltaAggregatedResources(metadata);
  const responses = new Responses<DeltaDiscoveryResponse>(stream);
  stream.write(deltaRequest({ node }));
  await responses.next();
  assert.equal(proxies.find('p1')?.proxy.identity?.spiffeId, 'spiffe://td/ns/shop/sa/a');
  const wrong = new Metadata();
  wrong.set('authorization', 'Bearer wrong');
  const refused = client.DeltaAggregatedResources(wrong);
  refused.write(deltaRequest({ node }));
  const error = await new Responses<DeltaDiscoveryResponse>(refused).failure();
  assert.equal(error.code, status.UNAUTHENTICATED);
  assert.equal(error.details, 'the join token is not known');
});

test('over TLS the client certificate says who asks', async () => {
  const root = aRoot();
  const [control, cart] = [aWorkloadLeaf(root), aWorkloadLeaf(root, { spiffeId: 'spiffe://cluster.local/ns/a/sa/b' })];
  const pems = ({ keyPem, pem }: typeof cart) => [Buffer.from(keyPem), Buffer.from(pem)] as const;
  const [privateKey, chain] = pems(control);
  const pair = { private_key: privateKey, cert_chain: chain };
  const { server, proxies } = await startMesh({
    listen: {
      plaintext: ['127.0.0.1:0'],
      tls: [{ hostport: '127.0.0.1:0', credentials: ServerCredentials.createSsl(Buffer.from(root.pem), [pair], true) }],
    },
    authenticate: async ({ peerCertificate: certificate }) => {
      const name = certificate?.subjectAltName?.replace('URI:', '');
      return name === undefined ? null : { spiffeId: name, method: 'certificate' };
    },
  });
  const channel = credentials.createSsl(Buffer.from(root.pem), ...pems(cart), { checkServerIdentity: () => undefined });
  const client = createAdsClient(server.addresses.tls[0]!, channel, { 'grpc.ssl_target_name_override': 'localhost' });
  cleanUps.push(() => client.close());
  const stream = client.DeltaAggregatedResources();
  const responses = new Responses<DeltaDiscoveryResponse>(stream);
  stream.write(deltaRequest({ node }));
  await responses.next();
  const identity = { spiffeId: 'spiffe://cluster.local/ns/a/sa/b', method: 'certificate' };
  assert.deepEqual(proxies.find('p1')?.proxy.identity, identity);
});

test('a proxy that does not answer gets newer content when its time is over', async () => {
  const clock = new FakeClock();
  const { client, publish } = await startMesh({ clock, overdueAfterMs: 1_000 });
  const stream = client.DeltaAggregatedResources();
  const responses = new Responses<DeltaDiscoveryResponse>(stream);
  stream.write(deltaRequest({ node }));
  assert.deepEqual(bodies(await responses.next()), ['a@1']);
  publish(2, { ...full, CDS: 'a@2' });
  publish(3, { ...full, CDS: 'a@3' });
  clock.advance(1_000);
  assert.deepEqual(bodies(await responses.next()), ['a@3']);
  responses.cancel();
  await eventually(() => clock.pending === 0);
});

test('a stream without a node, or with one that the provider refuses, is ended with the reason', async () => {
  const { client } = await startMesh();
  for (const [asked, reason] of [
    [undefined, /must carry its node/],
    [{ ...node, cluster: '' }, /node.cluster: is missing/],
  ] as const) {
    const stream = client.StreamAggregatedResources();
    const responses = new Responses<DiscoveryResponse>(stream);
    stream.write(sotwRequest({ node: asked }));
    const error = await responses.failure();
    assert.equal(error.code, status.INVALID_ARGUMENT);
    assert.match(error.details, reason);
  }
});

test('health reports are handed on, and are no subscriptions', async () => {
  const { client, health, proxies } = await startMesh();
  const stream = client.DeltaAggregatedResources();
  const responses = new Responses<DeltaDiscoveryResponse>(stream);
  stream.write(deltaRequest({ node }));
  stream.write(deltaRequest({ typeUrl: healthInformationTypeUrl, errorDetail: { code: 2, message: 'probe failed' } }));
  stream.write(deltaRequest({ typeUrl: healthInformationTypeUrl }));
  await eventually(() => health.length === 2);
  assert.deepEqual(health, ['p1 false probe failed', 'p1 true ']);
  await responses.next();
  assert.deepEqual(
    proxies
      .find('p1')
      ?.status()
      .types.map(({ typeUrl }) => typeUrl),
    [urls.CDS],
  );
});

test('draining ends the streams so that clients go elsewhere, and takes no new ones', async () => {
  const { server, client, opened } = await startMesh();
  const stream = client.DeltaAggregatedResources();
  const responses = new Responses<DeltaDiscoveryResponse>(stream);
  stream.write(deltaRequest({ node }));
  await responses.next();
  const drained = server.drain(5_000);
  const error = await responses.failure();
  assert.equal(error.code, status.UNAVAILABLE);
  assert.equal(error.details, 'the server is draining');
  await drained;
  assert.equal(opened.now, 0);
});

test('an address that is taken is an io error', async () => {
  const { server } = await startMesh();
  await assert.rejects(startMesh({ listen: { plaintext: [server.addresses.plaintext[0]!] } }), { code: 'io' });
});

test('other services live on the same addresses', async () => {
  const text = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => bytes.toString() };
  const definition: ServiceDefinition = {
    Echo: {
      path: '/test.Echo/Echo',
      requestStream: false,
      responseStream: false,
      requestSerialize: text.serialize,
      requestDeserialize: text.deserialize,
      responseSerialize: text.serialize,
      responseDeserialize: text.deserialize,
    },
  };
  const implementation = {
    Echo: (call: { request: string }, callback: (error: null, value: string) => void) => callback(null, call.request),
  };
  const { client } = await startMesh({ extraServices: [{ definition, implementation }] });
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  client.makeUnaryRequest('/test.Echo/Echo', text.serialize, text.deserialize, 'hello', (error, value?: string) =>
    error === null ? resolve(value) : reject(error),
  );
  assert.equal(await promise, 'hello');
});

test('the service is the one that Envoy calls', () => {
  assert.equal(
    adsService.DeltaAggregatedResources.path,
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  );
});
