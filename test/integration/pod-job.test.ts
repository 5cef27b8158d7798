/** A job beside a sidecar that is no native one, in a pod whose containers share their processes. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { TestMesh } from '../support/mesh.ts';
import { ask, PodSidecar } from './pod.fixture.ts';

/** Where a control group can be made, of either version. */
const hierarchy = ['/sys/fs/cgroup', '/sys/fs/cgroup/pids'].find((folder) => existsSync(join(folder, 'cgroup.procs')));

const missing =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs root on Linux'
    : hierarchy === undefined || spawnSync('unshare', ['--pid', '--fork', 'true']).status !== 0
      ? 'needs control groups and namespaces of processes'
      : false;

describe('a job', { skip: missing }, () => {
  const group = join(hierarchy ?? '', `tulle-job-${process.pid}`);
  let mesh: TestMesh;
  let pod: PodSidecar;

  before(async () => {
    mkdirSync(group);
    mesh = await TestMesh.start({ 'empty.yaml': '' });
  });
  after(async () => {
    await pod.stop();
    await mesh.close();
    await eventually(() => rmdirSync(group));
  });

  it('that is done ends its sidecar', async () => {
    // The shell holds the pod together; the job is in a group of its own, as each container is.
    const shell = `(echo 0 > ${group}/cgroup.procs; exec sleep 600) & "$@"; exit $?`;
    const [ready, proxy] = [await freePort(), await freePort()];
    const flags = `--control-plane ${mesh.address} --interception NONE --http-proxy-port ${proxy} --admin 127.0.0.1:0`;
    const ports = `--readiness 127.0.0.1:${ready} --status 127.0.0.1:0 --metrics 127.0.0.1:0 --end-with-application`;
    pod = await PodSidecar.start({
      name: 'job-1',
      ip: '127.0.0.1',
      account: 'job',
      labels: {},
      flags: `${flags} ${ports}`.split(' '),
      prefix: ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', shell, 'sh'],
      env: { ISTIO_META_DNS_CAPTURE: 'false' },
    });
    await pod.bring('root', readFileSync(mesh.caFile, 'utf8'));
    await pod.bring('token', await mesh.token('job'));
    await eventually(async () => assert.equal((await ask(ready, '/healthz/ready')).status, 200, pod.stderr), 30_000);
    const [job] = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n');
    process.kill(Number(job), 'SIGTERM');
    assert.equal(await pod.exited, 0, pod.stderr);
    assert.ok(pod.messages.includes('the other containers of the pod have ended'));
  });
});
