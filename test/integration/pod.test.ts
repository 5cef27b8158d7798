/** A sidecar as in a pod, from its start, before its volumes are filled, to its end, behind that of its application. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { ProxyView } from '#shared/admin/views.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { TestMesh } from '../support/mesh.ts';
import { ask, PodSidecar, runHook } from './pod.fixture.ts';

type Ports = Readonly<Record<'proxy' | 'inbound' | 'admin' | 'ready' | 'status' | 'metrics', number>>;

/** An application that answers, shows metrics, and takes its time at /slow. */
async function anApp(): Promise<Server> {
  const server = createServer(({ url, headers }, response) => {
    if (url === '/slow') return void setTimeout(() => response.end('slow'), 2000);
    if (url === '/metrics') return void response.end('app_total 7\n');
    if (url === '/live') return void response.writeHead(204).end();
    response.end(`hello ${headers['user-agent'] ?? ''}`);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function stopApp(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise((done) => server.once('close', done));
  server.close();
  server.closeAllConnections();
  await closed;
}

describe('a sidecar in a pod', () => {
  let mesh: TestMesh;
  let token = '';
  let app: Server;
  let ports: Ports;
  let pod: PodSidecar;

  before(async () => {
    mesh = await TestMesh.start({ 'empty.yaml': '' });
    token = await mesh.token('orders');
  });
  after(() => mesh.close());

  beforeEach(async () => {
    app = await anApp();
    const found = await Promise.all(Array.from({ length: 6 }, () => freePort()));
    const [proxy = 0, inbound = 0, admin = 0, ready = 0, status = 0, metrics = 0] = found;
    ports = { proxy, inbound, admin, ready, status, metrics };
  });
  afterEach(async () => {
    await pod.stop();
    await stopApp(app);
  });

  async function start(flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
    const appPort = portOf(app);
    pod = await PodSidecar.start({
      name: 'orders-1',
      ip: '127.0.0.1',
      account: 'orders',
      labels: { app: 'orders', version: 'v1' },
      flags: [
        `--control-plane ${mesh.address} --interception NONE --http-proxy-port ${ports.proxy}`,
        `--inbound ${appPort}:${ports.inbound} --admin 127.0.0.1:${ports.admin} --readiness 127.0.0.1:${ports.ready}`,
        `--status 127.0.0.1:${ports.status} --metrics 127.0.0.1:${ports.metrics}`,
        ...flags,
      ].flatMap((line) => line.split(' ')),
      env: {
        ISTIO_META_POD_PORTS: JSON.stringify([{ containerPort: appPort, protocol: 'TCP' }]),
        ISTIO_META_DNS_CAPTURE: 'false',
        ...env,
      },
    });
  }

  const isReady = async () => assert.equal((await ask(ports.ready, '/healthz/ready')).status, 200, pod.stderr);

  async function startReady(flags: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<void> {
    await start(flags, env);
    await pod.bring('root', await readFile(mesh.caFile, 'utf8'));
    await pod.bring('token', token);
    await eventually(isReady, 20_000);
  }

  /** A call of the application through its sidecar. */
  const callOut = async () => (await mesh.call({ proxyPort: ports.proxy }, `http://localhost:${portOf(app)}/`)).status;

  it('waits for its volumes by name, takes a token that is brought anew, and the application waits for it', async () => {
    await start([]);
    const waiting = runHook(['wait', '--port', String(ports.ready), '--timeout-seconds', '60']);
    await eventually(async () => {
      const { status, body } = await ask(ports.status, '/healthz/ready');
      assert.equal(status, 503);
      assert.match(body, /root certificate of the mesh, token of the service account/);
    }, 20_000);
    await eventually(() => pod.messages.includes('waits for the token of the service account'));
    await pod.bring('root', await readFile(mesh.caFile, 'utf8'));
    await pod.bring('token', 'not a token');
    await eventually(() => pod.messages.some((message) => /no new certificate/.test(String(message))), 20_000);
    assert.equal((await ask(ports.ready, '/healthz/ready')).status, 503);
    await pod.bring('token', token);
    await eventually(isReady, 30_000);
    assert.deepEqual(await waiting, { code: 0, says: '' });
    const { items } = await mesh.admin.get<{ items: ProxyView[] }>('/api/v1/proxies');
    const own = items.find(({ name }) => name === 'orders-1');
    assert.deepEqual([own?.namespace, own?.serviceAccount], ['shop', 'orders']);
    const metrics = await ask(ports.metrics, '/stats/prometheus');
    const seconds = Number(/^tulle_time_to_ready_seconds (\S+)$/m.exec(metrics.body)?.[1]);
    const told = pod.log.find(({ msg }) => msg === 'ready');
    assert.equal(Math.round(seconds * 1000), told?.['afterMs']);
  });

  it('asks the application for the kubelet, and shows its metrics behind its own', async () => {
    const port = portOf(app);
    const probers = {
      '/app-health/orders/livez': { httpGet: { path: '/live', port }, timeoutSeconds: 2 },
      '/app-health/orders/readyz': { httpGet: { path: '/ready', port } },
      '/app-health/orders/startupz': { tcpSocket: { port } },
    };
    await startReady([], {
      ISTIO_KUBE_APP_PROBERS: JSON.stringify(probers),
      ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({ scrape: 'true', path: '/metrics', port: String(port) }),
    });
    const probe = async (name: string) =>
      ask(ports.status, `/app-health/orders/${name}`, 'GET', { 'user-agent': 'kube-probe/1.29' });
    assert.equal((await probe('livez')).status, 204);
    assert.deepEqual([(await probe('readyz')).body, (await probe('startupz')).status], ['hello kube-probe/1.29', 200]);
    const merged = await ask(ports.status, '/stats/prometheus');
    assert.match(merged.body, /^istio_build\{[^]*^tulle_time_to_ready_seconds [^]*^app_total 7$/m);
    await stopApp(app);
    assert.deepEqual([(await probe('livez')).status, (await probe('startupz')).status], [500, 500]);
    assert.match((await ask(ports.status, '/stats/prometheus')).body, /^tulle_app_scrape_failures_total 1$/m);
  });

  for (const threads of ['1', '2'])
    it(`goes last, of ${threads} threads: what is under way completes, the application calls to its very end`, async () => {
      await startReady(['--drain-seconds', '1', '--termination-seconds', '30', '--concurrency', threads]);
      const slow = ask(ports.inbound, '/slow');
      await eventually(() => ask(ports.inbound, '/'));
      const begun = performance.now();
      pod.terminate();
      await eventually(async () =>
        assert.deepEqual(await ask(ports.inbound, '/'), { status: 200, body: 'hello ', connection: 'close' }),
      );
      assert.equal((await ask(ports.status, '/healthz/ready')).status, 503);
      await eventually(() => pod.messages.includes('takes no more connections from the mesh'));
      assert.ok(performance.now() - begun >= 1000);
      await assert.rejects(ask(ports.inbound, '/'), { code: 'ECONNREFUSED' });
      assert.deepEqual(await slow, { status: 200, body: 'slow', connection: 'close' });
      assert.equal(await callOut(), 200);
      mesh.agent.destroy();
      await stopApp(app);
      assert.equal(await pod.exited, 0);
      assert.deepEqual(pod.messages.slice(-1), ['nothing is left to wait for']);
      assert.ok(performance.now() - begun < 20_000);
    });

  it('does not outlive the grace period for an application that never ends', async () => {
    await startReady(['--drain-seconds', '0.5', '--termination-seconds', '6']);
    const begun = performance.now();
    pod.terminate();
    assert.equal(await pod.exited, 0);
    const tookMs = performance.now() - begun;
    assert.ok(tookMs >= 4000 && tookMs < 6000, `${tookMs} ms`);
    assert.deepEqual(pod.messages.slice(-1), ['the grace period is over: what is open is cut']);
  });

  it('native: a hook lets it drain while the application ends, and then the signal ends it at once', async () => {
    await startReady(['--drain-seconds', '20']);
    assert.deepEqual(await runHook(['drain', '--port', String(ports.status)]), { code: 0, says: '' });
    await eventually(async () => assert.equal((await ask(ports.inbound, '/')).connection, 'close'));
    assert.equal((await ask(ports.ready, '/healthz/ready')).status, 503);
    assert.equal(await callOut(), 200);
    mesh.agent.destroy();
    await stopApp(app);
    assert.equal(pod.hasExited, false);
    const begun = performance.now();
    pod.terminate();
    assert.equal(await pod.exited, 0);
    assert.ok(performance.now() - begun < 5000);
  });

  it('a job that is done ends it from inside of the pod', async () => {
    await startReady();
    assert.equal((await ask(ports.status, '/quitquitquit', 'POST')).body, 'OK');
    assert.equal(await pod.exited, 0);
  });

  it('one that is done while the pod ends does so too', async () => {
    await startReady();
    const begun = performance.now();
    pod.terminate();
    // A second signal would cut it by now, with another exit code.
    await eventually(() => performance.now() - begun > 1500);
    assert.equal((await ask(ports.status, '/quitquitquit', 'POST')).body, 'OK');
    assert.equal(await pod.exited, 0);
  });

  it('finds a control plane that comes later than it', async () => {
    await mesh.kill('control-plane');
    await start([]);
    await pod.bring('root', await readFile(mesh.caFile, 'utf8'));
    await pod.bring('token', token);
    await eventually(
      () => pod.messages.filter((message) => message === 'no stream to the control plane').length > 1,
      20_000,
    );
    assert.equal(pod.hasExited, false);
    await mesh.startControlPlane();
    await eventually(isReady, 30_000);
  });
});
