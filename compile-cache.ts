/**
 * Fills the compile caches of bundles: their control plane and sidecar are started and stopped, and what V8 compiled for that stays in
 * DIR/<component>/compile-cache. A sidecar that starts with it takes a tenth less of a processor, wherever its folder is copied and
 * whoever runs it; Node ignores what another version of it or other flags have made.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AdminClient } from './meshctl/admin-client.ts';
import { ask } from './meshctl/up/ask.ts';
import { allocatePorts } from './meshctl/up/ports.ts';

/** Plain JavaScript, for the start of a bundle: uses the cache that lies beside it. */
export const useCompileCache =
  "import('node:module').then(({ enableCompileCache }) => enableCompileCache({ directory: new URL('compile-cache', import.meta.url).pathname, portable: true }))";

const inTimeMs = 30_000;

type Flags = Readonly<Record<string, string>>;

/** Runs the bundles in a folder. `sidecarFlags`: those of Node that sidecars run with. Throws with their logs when they do not start. */
export async function fillCompileCaches(out: string, sidecarFlags: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-build-'));
  const logs = openSync(join(folder, 'log'), 'a');
  const started: ChildProcess[] = [];
  try {
    await startMesh(folder, (component, flags) => {
      const given = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
      const nodeFlags = component === 'sidecar' ? sidecarFlags : [];
      const args = [...nodeFlags, join(out, component, 'main.js'), ...given];
      started.push(spawn(process.execPath, args, { stdio: ['ignore', logs, logs] }));
    });
    for (const child of started.toReversed()) {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    }
  } catch (error) {
    const log = readFileSync(join(folder, 'log'), 'utf8');
    throw new Error(`the bundles do not start:\n${log}`, { cause: error });
  } finally {
    for (const child of started) child.kill('SIGKILL');
    closeSync(logs);
    rmSync(folder, { recursive: true, force: true });
  }
  for (const component of ['control-plane', 'sidecar']) openToAll(join(out, component, 'compile-cache'));
}

/** Starts a control plane without configuration, and a sidecar with two threads; returns when it is ready. */
async function startMesh(folder: string, start: (component: string, flags: Flags) => void): Promise<void> {
  const names = ['xds', 'admin', 'proxy', 'sidecarAdmin', 'readiness'];
  const ports = await allocatePorts(names, {}, Math.random);
  const [config, data] = [join(folder, 'config'), join(folder, 'data')];
  mkdirSync(config);
  start('control-plane', {
    'config-dir': config,
    'data-dir': data,
    admin: `127.0.0.1:${ports['admin']}`,
    'xds-tls': `127.0.0.1:${ports['xds']}`,
    'xds-plaintext': 'off',
  });
  await untilReady(`http://127.0.0.1:${ports['admin']}/ready`);
  const admin = new AdminClient({ host: '127.0.0.1', port: ports['admin'] ?? 0, socketPath: join(data, 'admin.sock') });
  const who = { namespace: 'build', serviceAccount: 'build' };
  const { token } = await admin.change<{ token: string }>('POST', '/api/v1/tokens', JSON.stringify(who));
  start('sidecar', {
    'control-plane': `127.0.0.1:${ports['xds']}`,
    'ca-cert': join(data, 'ca.pem'),
    token,
    name: 'build',
    namespace: who.namespace,
    'service-account': who.serviceAccount,
    interception: 'NONE',
    'http-proxy-port': `${ports['proxy']}`,
    admin: `127.0.0.1:${ports['sidecarAdmin']}`,
    readiness: `127.0.0.1:${ports['readiness']}`,
    concurrency: '2',
    'drain-seconds': '0',
    'data-dir': join(folder, 'sidecar'),
  });
  await untilReady(`http://127.0.0.1:${ports['readiness']}/healthz/ready`);
}

/** Node makes it for its own user alone; a pod may run as any. */
function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
}

/** Waits until it answers 200. Throws with what it last said when it does not in time. */
async function untilReady(url: string): Promise<void> {
  const end = performance.now() + inTimeMs;
  for (;;) {
    const answer = await ask(url);
    if (answer?.status === 200) return;
    if (performance.now() > end) throw new Error(`${url}: ${answer === null ? 'no answer' : answer.body}`);
    await pause(50);
  }
}
