/** A replica of the control plane as a process beside a real API server, and what tests of it need. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createInterface } from 'node:readline';
import { freePort } from '../free-port.ts';
import { kubectl, type ApiServer } from './api-server.ts';

const root = new URL('../../..', import.meta.url).pathname;
const run = promisify(execFile);

/** What a command printed and how it ended. */
export type Outcome = Readonly<{ code: number; stdout: string; stderr: string }>;

/** Runs kubectl as an administrator, with `input` on its standard input. */
export function runKubectl(api: ApiServer, args: readonly string[], input = ''): Promise<Outcome> {
  const running = run(kubectl, ['--kubeconfig', api.kubeconfig, ...args], { maxBuffer: 2 ** 26 });
  running.child.stdin?.end(input);
  return running.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    // How the library tells of a command that failed.
    (error: { code?: number; stdout?: string; stderr?: string }) => ({
      code: error.code ?? 1,
      stdout: error.stdout ?? '',
      stderr: error.stderr ?? '',
    }),
  );
}

/** Applies documents; throws with what kubectl says when they are refused. */
export async function apply(api: ApiServer, documents: string): Promise<string> {
  const { code, stdout, stderr } = await runKubectl(api, ['apply', '-f', '-'], documents);
  if (code !== 0) throw new Error(stderr);
  return stdout + stderr;
}

/** A kubeconfig of a service account, with a token that lives an hour: what it may do is what its roles say. */
export async function kubeconfigOf(api: ApiServer, namespace: string, account: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const request = JSON.stringify({ spec: { expirationSeconds: 3600 } });
  const { stdout } = await runKubectl(api, ['create', '--raw', path, '-f', '-'], request);
  const { status } = JSON.parse(stdout) as { status: { token: string } };
  const { code, ...cluster } = await runKubectl(api, ['config', 'view', '--raw', '-o', 'json']);
  if (code !== 0) throw new Error(cluster.stderr);
  const config = JSON.parse(cluster.stdout) as { users: { user: object }[] };
  const file = join(api.folder, `${account}.kubeconfig`);
  await writeFile(file, JSON.stringify({ ...config, users: [{ ...config.users[0], user: { token: status.token } }] }));
  return file;
}

type Addresses = Readonly<{ tls: readonly string[]; admin: string; webhooks: string; monitoring: string }>;

/** A running replica. */
export class Replica {
  readonly name: string;
  readonly folder: string;
  readonly addresses: Addresses;
  readonly #child: ChildProcess;
  readonly #log: string[];

  private constructor(name: string, folder: string, { child, addresses, log }: Started) {
    this.name = name;
    this.folder = folder;
    this.addresses = addresses;
    this.#child = child;
    this.#log = log;
  }

  /** Starts one on a cluster and waits until it serves; throws with its log when it ends instead. */
  static async start(kubeconfig: string, name: string, flags: readonly string[] = []): Promise<Replica> {
    const folder = await mkdtemp(join(tmpdir(), 'tulle-replica-'));
    const listen = ['--xds-tls', '--admin', '--webhooks', '--monitoring'].flatMap((flag) => [flag, '127.0.0.1:0']);
    const given = ['--kubeconfig', kubeconfig, '--data-dir', folder, '--xds-plaintext', 'off', ...listen, ...flags];
    const child = spawn(process.execPath, ['--import', './preload.mjs', 'control-plane/main.ts', ...given], {
      cwd: root,
      env: { ...process.env, POD_NAME: name },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Replica(name, folder, await untilServing(child));
  }

  /** The body of what the admin API answers. */
  async admin(path: string): Promise<unknown> {
    return (await fetch(`http://${this.addresses.admin}${path}`)).json();
  }

  /** The value of a metric, all its series added up; null: there is none. */
  async metric(name: string): Promise<number | null> {
    const text = await (await fetch(`http://${this.addresses.monitoring}/metrics`)).text();
    const series = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
    return series.length === 0 ? null : series.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  get log(): string {
    return this.#log.join('\n');
  }

  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill(signal);
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Starts a sidecar that takes its configuration from a replica, as a service account of namespace `shop`; the function ends it. */
export async function startProxy(replica: Replica, name: string, token: string): Promise<() => Promise<void>> {
  const folder = join(replica.folder, name);
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const [proxy, admin, readiness] = ports.map(String);
  const flags = {
    name,
    namespace: 'shop',
    'service-account': 'default',
    labels: '{}',
    'control-plane': replica.addresses.tls[0],
    'ca-cert': join(replica.folder, 'ca.pem'),
    token,
    'data-dir': folder,
    'http-proxy-port': proxy,
    admin: `127.0.0.1:${admin}`,
    readiness: `127.0.0.1:${readiness}`,
    interception: 'NONE',
    'drain-seconds': '0',
  };
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value ?? '']);
  const child = spawn(process.execPath, ['--import', './preload.mjs', 'sidecar/main.ts', ...args], {
    cwd: root,
    stdio: 'ignore',
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}

type Started = Readonly<{ child: ChildProcess; addresses: Addresses; log: string[] }>;

function untilServing(child: ChildProcess): Promise<Started> {
  const log: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Started>();
  if (child.stdout === null || child.stderr === null) throw new Error('the replica has no output');
  createInterface(child.stderr).on('line', (line) => log.push(line));
  createInterface(child.stdout).once('line', (line) => {
    const { listening } = JSON.parse(line) as { listening: Addresses };
    resolve({ child, addresses: listening, log });
  });
  child.once('exit', (code) => reject(new Error(`the replica ended with ${code}:\n${log.join('\n')}`)));
  return promise;
}
