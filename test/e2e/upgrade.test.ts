/** Sidecars of a mesh are followed by new processes, one after the other, while calls go through both. */
import assert from 'node:assert/strict';
import { execFile, type ExecFileException } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { ProxyView } from '#shared/admin/views.ts';
import { eventually } from '../support/eventually.ts';
import { Load, strictMtls, TestMesh, type RunningSidecar } from '../support/mesh.ts';

const run = promisify(execFile);
const repository = new URL('../..', import.meta.url).pathname;

const services = `
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: shop}
spec: {selector: {app: echo}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
${strictMtls}
`;

describe('sidecars of a mesh that are upgraded', () => {
  let mesh: TestMesh;
  let client: RunningSidecar;
  let server: RunningSidecar;

  const call = () => mesh.call(client, 'http://echo/hello', { method: 'POST', body: 'x'.repeat(100) });
  const meshctl = async (...args: string[]) => {
    const { stdout } = await run(process.execPath, ['meshctl/main.ts', '--data-dir', mesh.dataDir, ...args], {
      cwd: repository,
    });
    return stdout;
  };
  const proxies = async () => (await mesh.admin.get<{ items: ProxyView[] }>('/api/v1/proxies')).items;
  const names = async () => (await proxies()).map(({ name }) => name).toSorted();
  const pidOf = async ({ adminPort }: RunningSidecar) => {
    const response = await fetch(`http://127.0.0.1:${adminPort}/server_info`);
    return ((await response.json()) as { pid: number }).pid;
  };

  before(async () => {
    mesh = await TestMesh.start({ 'services.yaml': services });
    const appPort = await mesh.startApp((message, response) => message.resume().on('end', () => response.end('echo')));
    // The machine may be busy with other tests.
    const flags = ['--upgrade-seconds', '60'];
    server = await mesh.startSidecar({
      name: 'echo-1',
      account: 'echo',
      labels: { app: 'echo' },
      appPort,
      flags: [...flags, '--probe', `tcp:${appPort}`],
    });
    client = await mesh.startSidecar({ name: 'client', account: 'client', labels: { app: 'client' }, flags });
    await eventually(async () => assert.equal((await call()).status, 200), 15_000);
  });

  after(() => mesh.close());

  it('meshctl lets new processes take over from both, and no call fails', async () => {
    const load = new Load(call);
    const served = async () => {
      const before = load.total;
      await eventually(() => load.total > before + 100);
    };
    const pids = [await pidOf(server), await pidOf(client)];
    try {
      for (const sidecar of [server, client, server, client]) {
        await served();
        const said = await meshctl('proxy', 'upgrade', `${sidecar.name}.shop`);
        pids.push(await pidOf(sidecar));
        assert.equal(said, `${sidecar.name}.shop: process ${pids.at(-1)} has taken over\n`);
      }
      await served();
    } finally {
      await load.stop();
    }
    assert.deepEqual([...load.failures], []);
    assert.equal(new Set(pids).size, 6);
    // The former processes have left the control plane, the workload never did.
    await eventually(async () => assert.deepEqual(await names(), ['client', 'echo-1']));
    const health = (await proxies()).find(({ name }) => name === 'echo-1')?.isHealthy;
    assert.equal(health, true);
  });

  it('a successor that gets no configuration is given up: the sidecar serves on, and says what was awaited', async () => {
    const flags = ['--upgrade-seconds', '8', '--no-disk-cache'];
    const lonely = await mesh.startSidecar({ name: 'lonely', account: 'lonely', labels: {}, flags });
    const pid = await pidOf(lonely);
    await mesh.kill('control-plane');
    await assert.rejects(meshctl('proxy', 'upgrade', `127.0.0.1:${lonely.adminPort}`), (error: ExecFileException) => {
      assert.equal(error.code, 1);
      assert.match(String(error.stderr), /did not serve within 8 s; it waits for (configuration, )?certificate/);
      return true;
    });
    assert.equal(await pidOf(lonely), pid);
    assert.equal((await mesh.call(lonely, 'http://echo/hello')).status, 200);
    await mesh.startControlPlane();
    assert.equal(await mesh.kill('lonely', 'SIGTERM'), 0);
  });

  it('end by a signal to the process that was started, with its exit code', async () => {
    for (const { name } of [client, server]) assert.equal(await mesh.kill(name, 'SIGTERM'), 0);
  });
});
