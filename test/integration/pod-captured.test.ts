/** Pods whose connections are redirected to sidecars that take who they are from the pod: no application knows of a mesh. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { AdminClient } from '../../meshctl/admin-client.ts';
import { eventually } from '../support/eventually.ts';
import { strictMtls } from '../support/mesh.ts';
import { asProxy, missingForPods, PodNetwork } from './pod-network.fixture.ts';
import { PodSidecar } from './pod.fixture.ts';

const repository = resolve(import.meta.dirname, '../..');
const [hub, clientIp, serverIp, secondIp] = ['10.99.1.1', '10.99.1.2', '10.99.1.3', '10.99.1.4'];
const vip = '10.96.0.10';

const entryOf = (address: string) => `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: echo-${address.replaceAll('.', '-')}, namespace: shop}
spec: {address: ${address}, labels: {app: echo, security.istio.io/tlsMode: istio}, serviceAccount: echo}
---
`;
const configuration = (addresses: readonly string[]) => `apiVersion: v1
kind: Service
metadata: {name: echo, namespace: shop}
spec:
  clusterIP: ${vip}
  selector: {app: echo}
  ports:
    - {name: http, port: 80, targetPort: 8080}
    - {name: tcp-greeting, port: 9000, targetPort: 9000}
---
${addresses.map(entryOf).join('')}${strictMtls}
`;

/** HTTP that says who called, a server that speaks first, and neither knows of a mesh. */
const application = `
  import { createServer } from 'node:http';
  import { createServer as createTcpServer } from 'node:net';
  createServer(({ headers }, response) => {
    const by = /URI=([^;]*)/.exec(headers['x-forwarded-client-cert'] ?? '')?.[1] ?? 'nobody';
    response.end('called by ' + by);
  }).listen(8080, '0.0.0.0');
  createTcpServer((socket) => socket.end('220 at your service')).listen(9000, '0.0.0.0');
`;

const get = `
  import { get } from 'node:http';
  const [url, host] = process.argv.slice(1);
  get(url, { agent: false, timeout: 5000, headers: host ? { host } : {} }, (response) => {
    let body = '';
    response.on('data', (chunk) => (body += chunk)).on('end', () => console.log(response.statusCode + ' ' + body));
  }).on('error', (error) => console.log(error.code));
`;
/** Callers that call for so many milliseconds; then how often there was which answer. */
const load = `
  import { Agent, get } from 'node:http';
  const [url, host, ms] = process.argv.slice(1);
  const agent = new Agent({ keepAlive: true });
  const end = performance.now() + Number(ms);
  const counts = {};
  const call = () => new Promise((done) => {
    const take = (what) => done((counts[what] = (counts[what] ?? 0) + 1));
    get(url, { agent, headers: { host } }, (response) => {
      response.resume().on('end', () => take(response.statusCode)).on('error', (error) => take(error.code));
    }).on('error', (error) => take(error.code));
  });
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (performance.now() < end) await call();
  }));
  console.error(JSON.stringify(counts));
  agent.destroy();
`;
const listenTo = `
  import { connect } from 'node:net';
  const [host, port] = process.argv.slice(1);
  connect({ host, port: Number(port), timeout: 5000 }).on('data', (data) => console.log(String(data))).on('error', (error) => console.log(error.code));
`;
const program = (code: string, ...args: readonly string[]) => [
  process.execPath,
  '--input-type=module',
  '--eval',
  code,
  ...args,
];

describe('pods', { skip: missingForPods }, () => {
  let network: PodNetwork;
  let folder = '';
  const pods: PodSidecar[] = [];
  const apps = new Map<string, ChildProcess>();

  before(async () => {
    network = new PodNetwork();
    folder = await mkdtemp(join(tmpdir(), 'tulle-captured-'));
    await mkdir(join(folder, 'config'));
    await writeFile(join(folder, 'config/mesh.yaml'), configuration([serverIp, secondIp]));
    const data = join(folder, 'cp');
    const flags = `--config-dir ${folder}/config --data-dir ${data} --xds-tls ${hub}:15012 --xds-plaintext off --advertise ${hub} --admin 127.0.0.1:0`;
    network.start('hub', [process.execPath, join(repository, 'control-plane/main.ts'), ...flags.split(' ')]);
    const admin = new AdminClient({ host: '127.0.0.1', port: 1, socketPath: join(data, 'admin.sock') });
    // Its socket is in no network.
    const token = async (serviceAccount: string) => {
      const body = JSON.stringify({ namespace: 'shop', serviceAccount });
      return (await admin.change<{ token: string }>('POST', '/api/v1/tokens', body)).token;
    };
    await eventually(() => token('client'), 30_000);
    const ca = await readFile(join(data, 'ca.pem'), 'utf8');
    for (const [name, ip] of [
      ['client', clientIp],
      ['echo', serverIp],
      ['echo2', secondIp],
    ] as const) {
      const account = name === 'client' ? 'client' : 'echo';
      network.add(name, ip);
      network.capture(name);
      const pod = await PodSidecar.start({
        name: `${name}-1`,
        ip,
        account,
        labels: { app: account },
        flags: ['--control-plane', `${hub}:15012`],
        prefix: [...network.in(name), ...asProxy],
        env: {
          ISTIO_META_POD_PORTS: '[{"containerPort":8080,"protocol":"TCP"}]',
          ISTIO_META_DNS_CAPTURE: 'false',
          ...(name === 'echo'
            ? { ISTIO_KUBE_APP_PROBERS: '{"/app-health/echo/readyz":{"httpGet":{"path":"/","port":8080}}}' }
            : {}),
        },
      });
      pods.push(pod);
      await pod.bring('root', ca);
      await pod.bring('token', await token(account));
    }
    for (const name of ['echo', 'echo2']) apps.set(name, network.start(name, program(application)));
  });

  after(async () => {
    for (const pod of pods) await pod.stop();
    network[Symbol.dispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const from = (name: string, ...command: readonly string[]) => network.inside(name, ...command).trim();
  /** A kubelet is outside of the pods. */
  const ready = (ip: string) => from('hub', ...program(get, `http://${ip}:15021/healthz/ready`));

  it('are ready when their sidecars listen where connections are led to', async () => {
    for (const ip of [clientIp, serverIp, secondIp])
      await eventually(() => assert.match(ready(ip), /^200/, pods.map(({ stderr }) => stderr).join('\n')), 60_000, 200);
  });

  it('call each other by the address of a service, by mutual TLS', async () => {
    await eventually(
      () =>
        assert.equal(
          from('client', ...program(get, `http://${vip}/`, 'echo.shop')),
          '200 called by spiffe://cluster.local/ns/shop/sa/client',
        ),
      15_000,
      200,
    );
  });

  it('a server that speaks first is heard', () => {
    assert.equal(from('client', ...program(listenTo, vip, '9000')), '220 at your service');
  });

  it('an application that calls its own pod, by its address or the loopback one, gets itself', () => {
    for (const host of [serverIp, '127.0.0.1'])
      assert.equal(from('echo', ...program(get, `http://${host}:8080/`)), '200 called by nobody');
  });

  it('nobody without a certificate gets in, but the kubelet gets answers of the application', () => {
    assert.equal(from('hub', ...program(get, `http://${serverIp}:8080/`)), 'ECONNRESET');
    assert.match(
      from('hub', ...program(get, `http://${serverIp}:15020/app-health/echo/readyz`)),
      /^200 called by nobody/,
    );
    assert.match(
      from('hub', ...program(get, `http://${serverIp}:15090/stats/prometheus`)),
      /^200 [^]*tulle_time_to_ready_seconds/,
    );
  });

  it('one of a service that ends costs no call: it serves until all have heard of it, and its application goes first', async () => {
    const [, , second] = pods;
    assert.ok(second !== undefined);
    const calls = network.start('client', program(load, `http://${vip}/`, 'echo.shop', '6000'));
    const said = calls.stderr === null ? Promise.resolve('') : readAll(calls.stderr);
    const served = () => from('hub', ...program(get, `http://${secondIp}:15090/stats/prometheus`));
    const isServing = () => assert.ok(/^istio_requests_total\{reporter="destination".* [1-9]\d*$/m.test(served()));
    await eventually(isServing, 5000);
    second.terminate();
    await writeFile(join(folder, 'config/mesh.yaml'), configuration([serverIp]));
    const counts = JSON.parse(await said) as Record<string, number>;
    assert.deepEqual(Object.keys(counts), ['200'], JSON.stringify(counts));
    assert.equal(second.hasExited, false);
    apps.get('echo2')?.kill('SIGTERM');
    assert.equal(await second.exited, 0, second.stderr);
  });

  it('end in order: the caller still calls while it drains', async () => {
    const [client] = pods;
    assert.ok(client !== undefined);
    client.terminate();
    await eventually(() => client.messages.includes('draining'));
    assert.match(from('client', ...program(get, `http://${vip}/`, 'echo.shop')), /^200 called by spiffe/);
    assert.equal(await client.exited, 0);
    // Without it there is no network: nothing leaves a pod beside its sidecar.
    assert.equal(from('client', ...program(get, `http://${vip}/`, 'echo.shop')), 'ECONNREFUSED');
  });
});
