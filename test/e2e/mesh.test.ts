import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../support/eventually.ts';
import { Load, strictMtls, TestMesh, type RunningSidecar } from '../support/mesh.ts';
import { freePort } from '../support/free-port.ts';

const run = promisify(execFile);

const services = `
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: shop}
spec: {selector: {app: echo}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
${strictMtls}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo, namespace: shop}
spec: {host: echo, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
`;
const split = (v1: number, v2: number) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo, namespace: shop}
spec:
  hosts: [echo]
  http:
  - route:
    - {destination: {host: echo, subset: v1}, weight: ${v1}}
    - {destination: {host: echo, subset: v2}, weight: ${v2}}
`;

describe('a mesh of real processes', () => {
  let mesh: TestMesh;
  let client: RunningSidecar;
  let ports: { v1: number; v2: number };
  let servers: { v1: RunningSidecar; v2: RunningSidecar };
  const call = () => mesh.call(client, 'http://echo/hello', { method: 'POST', body: 'x'.repeat(100) });
  const versions = async (count: number) => {
    const seen: Record<string, number> = { v1: 0, v2: 0 };
    for (let i = 0; i < count; i++) {
      const { body } = await call();
      seen[body] = (seen[body] ?? 0) + 1;
    }
    return seen;
  };
  const server = (version: 'v1' | 'v2', flags: string[] = []) => ({
    name: `echo-${version}`,
    account: 'echo',
    labels: { app: 'echo', version },
    appPort: ports[version],
    flags,
  });

  before(async () => {
    mesh = await TestMesh.start({ 'services.yaml': services, 'split.yaml': split(50, 50) });
    const app = (version: string) =>
      mesh.startApp((request, response) => request.resume().on('end', () => response.end(version)));
    ports = { v1: await app('v1'), v2: await app('v2') };
    servers = {
      v1: await mesh.startSidecar(server('v1', ['--certificate-ttl-seconds', '30'])),
      v2: await mesh.startSidecar(server('v2')),
    };
    client = await mesh.startSidecar({
      name: 'client',
      account: 'client',
      labels: { app: 'client' },
      flags: ['--certificate-ttl-seconds', '30'],
    });
    await eventually(async () => (await versions(20))['v2'] !== 0, 15_000);
  });
  after(() => mesh.close());

  test('requests travel over mutual TLS; plaintext is reset where it is STRICT', async () => {
    const seen = await versions(30);
    assert.ok((seen['v1'] ?? 0) > 0 && (seen['v2'] ?? 0) > 0, JSON.stringify(seen));
    await assert.rejects(fetch(`http://127.0.0.1:${servers.v1.inboundPort}/`), /fetch failed/);
    const metrics = await (await fetch(`http://127.0.0.1:${servers.v1.adminPort}/stats/prometheus`)).text();
    assert.match(
      metrics,
      /istio_requests_total\{reporter="destination"[^}]*connection_security_policy="mutual_tls"\} [1-9]/,
    );
  });

  test('an edit moves the traffic and not one request fails', async (t) => {
    const load = new Load(call);
    t.after(() => load.stop());
    await mesh.write('split.yaml', split(0, 100));
    await eventually(async () => {
      const seen = await versions(10);
      assert.equal(seen['v1'], 0);
    }, 5000);
    await load.stop();
    assert.deepEqual([...load.failures], []);
  });

  test('a broken edit changes nothing, and get names file, line, path and reason', async () => {
    await mesh.write('split.yaml', split(-5, 100));
    const { stderr, stdout, code } = await eventually(async () => {
      const got = await run(process.execPath, [
        'meshctl/main.ts',
        'get',
        'vs',
        '-n',
        'shop',
        '--data-dir',
        mesh.dataDir,
      ]).then(
        (out) => ({ ...out, code: 0 }),
        (error: { stderr: string; stdout: string; code: number }) => error,
      );
      assert.equal(got.code, 79);
      return got;
    }, 5000);
    assert.match(stdout, /Refused, last good version in force/);
    assert.match(stderr, /split\.yaml:9: error: spec\.http\[0\]\.route\[0\]\.weight: /);
    assert.equal(code, 79);
    assert.equal((await versions(10))['v1'], 0);
    await mesh.write('split.yaml', split(50, 50));
    await eventually(async () => (await versions(10))['v1'] !== 0, 5000);
  });

  test('a Sidecar egress with a port of its own is a local listener, for as long as the resource is there', async () => {
    const port = await freePort();
    const sidecar = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: client, namespace: shop}
spec:
  workloadSelector: {labels: {app: client}}
  egress:
  - {port: {number: ${port}, protocol: HTTP, name: http}, bind: 127.0.0.1, hosts: ["./echo.shop.svc.cluster.local"]}
  - {hosts: ["*/*"]}
`;
    const meshctl = (...args: string[]) =>
      run(process.execPath, ['meshctl/main.ts', '--data-dir', mesh.dataDir, '-n', 'shop', ...args]);
    await writeFile(`${mesh.folder}/sidecar.yaml`, sidecar);
    assert.match((await meshctl('apply', '-f', `${mesh.folder}/sidecar.yaml`)).stdout, /Sidecar\/shop\/client created/);
    await meshctl('wait', '--for=distribution', 'sidecar', 'client', '--timeout', '10s');
    const body = await eventually(async () => (await fetch(`http://127.0.0.1:${port}/`)).text(), 5000);
    assert.match(body, /^v[12]$/);
    assert.equal((await meshctl('delete', 'sidecar', 'client')).stdout, 'Sidecar/shop/client deleted\n');
    await eventually(() => assert.rejects(fetch(`http://127.0.0.1:${port}/`)), 5000);
  });

  test('kill -9 of the control plane: traffic goes on, a sidecar comes back from its disk, then all converges without a new push', async (t) => {
    const load = new Load(call, 4);
    t.after(() => load.stop());
    await mesh.kill('control-plane');
    await sleep(1000);
    await mesh.kill('client', 'SIGKILL');
    await load.stop();
    const before = [...load.failures].filter(([status]) => !status.includes('ECONN') && !status.includes('hang up'));
    assert.deepEqual(before, [], 'only the killed sidecar itself may have refused connections');
    await mesh.startSidecar({ name: 'client', account: 'client', labels: { app: 'client' } }, false);
    const meanwhile = new Load(call, 4);
    t.after(() => meanwhile.stop());
    await sleep(1000);
    await mesh.startControlPlane();
    await eventually(async () => {
      const { items } = await mesh.admin.get<{ items: { types: Record<string, { acked: number; sent: number }> }[] }>(
        '/api/v1/proxies',
      );
      assert.equal(items.length, 3);
      for (const { types } of items) for (const { acked, sent } of Object.values(types)) assert.equal(acked, sent);
    }, 15_000);
    await meanwhile.stop();
    assert.deepEqual([...meanwhile.failures], []);
    assert.ok(meanwhile.total > 50);
  });

  test('certificates are renewed twice under load and no request fails', async (t) => {
    const serialOf = async () => {
      const text = await (await fetch(`http://127.0.0.1:${client.adminPort}/certs`)).json();
      return (text as { certificates: { cert_chain: { serial_number: string }[] }[] }).certificates[0]?.cert_chain[0]
        ?.serial_number;
    };
    await mesh.kill('client');
    await mesh.startSidecar({
      name: 'client',
      account: 'client',
      labels: { app: 'client' },
      flags: ['--certificate-ttl-seconds', '30'],
    });
    const load = new Load(call, 4);
    t.after(() => load.stop());
    const serials = new Set<string | undefined>([await serialOf()]);
    await eventually(
      async () => {
        serials.add(await serialOf());
        return serials.size >= 3;
      },
      60_000,
      250,
    );
    await load.stop();
    assert.deepEqual([...load.failures], []);
    assert.ok(load.total > 1000, `${load.total} requests`);
  });
});
