/** A small mesh of real processes for tests: a control plane, sidecars, and applications in this process. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, Agent, request, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { AdminClient } from '../../meshctl/admin-client.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

/** In the namespace `shop`, nobody is let in without a certificate of the mesh. */
export const strictMtls = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}`;

const root = new URL('../..', import.meta.url).pathname;

export type SidecarOptions = Readonly<{
  name: string;
  account: string;
  labels: Readonly<Record<string, string>>;
  /** Port of the application beside it. */
  appPort?: number;
  flags?: readonly string[];
}>;

export type RunningSidecar = Readonly<{
  name: string;
  proxyPort: number;
  inboundPort: number;
  adminPort: number;
  readyPort: number;
  log: () => Promise<string>;
}>;

export type Answer = Readonly<{
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
}>;

/** Everything that a test started; `close` stops it. */
export class TestMesh {
  readonly folder: string;
  readonly #children = new Map<string, ChildProcess>();
  readonly #apps: Server[] = [];
  readonly #started = new Map<string, { ports: Omit<RunningSidecar, 'name' | 'log'>; options: SidecarOptions }>();
  readonly agent = new Agent({ keepAlive: true });
  #tlsPort = 0;
  #adminPort = 0;

  readonly #nodeFlags: readonly string[];

  private constructor(folder: string, nodeFlags: readonly string[]) {
    this.folder = folder;
    this.#nodeFlags = nodeFlags;
  }

  /** Starts the control plane over a folder with these files. `nodeFlags`: for all processes. */
  static async start(files: Readonly<Record<string, string>>, nodeFlags: readonly string[] = []): Promise<TestMesh> {
    const mesh = new TestMesh(await mkdtemp(join(tmpdir(), 'tulle-mesh-')), nodeFlags);
    for (const [name, content] of Object.entries(files)) await mesh.write(name, content);
    mesh.#tlsPort = await freePort();
    mesh.#adminPort = await freePort();
    await mesh.startControlPlane();
    return mesh;
  }

  get admin(): AdminClient {
    return new AdminClient({
      host: '127.0.0.1',
      port: this.#adminPort,
      socketPath: join(this.folder, 'cp', 'admin.sock'),
    });
  }

  /** Where the control plane takes sidecars. */
  get address(): string {
    return `127.0.0.1:${this.#tlsPort}`;
  }

  get caFile(): string {
    return join(this.folder, 'cp', 'ca.pem');
  }

  get dataDir(): string {
    return join(this.folder, 'cp');
  }

  /** Writes a configuration file. */
  async write(name: string, content: string): Promise<void> {
    const path = join(this.folder, 'config', name);
    await mkdir(join(this.folder, 'config'), { recursive: true });
    await writeFile(path, content);
  }

  async startControlPlane(): Promise<void> {
    const flags = ['--config-dir', join(this.folder, 'config'), '--data-dir', this.dataDir, '--grace-seconds', '3'];
    const addresses = [
      '--xds-tls',
      `127.0.0.1:${this.#tlsPort}`,
      '--xds-plaintext',
      'off',
      '--admin',
      `127.0.0.1:${this.#adminPort}`,
    ];
    this.#spawn('control-plane', ['control-plane/main.ts', ...flags, ...addresses]);
    await eventually(() => this.admin.get('/ready'), 20_000);
  }

  /** Starts (or starts again, on the same ports) a sidecar and waits until it is ready. */
  async startSidecar(options: SidecarOptions, withToken = true): Promise<RunningSidecar> {
    const { name, account, labels, appPort, flags = [] } = options;
    const known = this.#started.get(name);
    const ports = known?.ports ?? {
      proxyPort: await freePort(),
      inboundPort: await freePort(),
      adminPort: await freePort(),
      readyPort: await freePort(),
    };
    this.#started.set(name, { ports, options });
    const who = [
      '--name',
      name,
      '--namespace',
      'shop',
      '--service-account',
      account,
      '--labels',
      JSON.stringify(labels),
    ];
    const control = [
      '--control-plane',
      `127.0.0.1:${this.#tlsPort}`,
      '--ca-cert',
      this.caFile,
      '--data-dir',
      join(this.folder, name),
    ];
    const token = withToken ? ['--token', await this.token(account)] : [];
    const inbound = appPort === undefined ? [] : ['--inbound', `http=${appPort}:${ports.inboundPort}`];
    const listen = [
      '--http-proxy-port',
      `${ports.proxyPort}`,
      '--admin',
      `127.0.0.1:${ports.adminPort}`,
      '--readiness',
      `127.0.0.1:${ports.readyPort}`,
    ];
    const mode = ['--interception', 'NONE', '--register', '--drain-seconds', '1'];
    this.#spawn(name, ['sidecar/main.ts', ...control, ...who, ...token, ...inbound, ...listen, ...mode, ...flags]);
    await eventually(
      async () => (await fetch(`http://127.0.0.1:${ports.readyPort}/healthz/ready`)).status === 200,
      20_000,
    );
    return { name, ...ports, log: () => this.log(name) };
  }

  async token(account: string): Promise<string> {
    const body = JSON.stringify({ namespace: 'shop', serviceAccount: account });
    return (await this.admin.change<{ token: string }>('POST', '/api/v1/tokens', body)).token;
  }

  /** Starts an application in this process. */
  async startApp(handle: RequestListener): Promise<number> {
    const server = createHttpServer({ keepAliveTimeout: 60_000 }, handle);
    this.#apps.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  /** One request through a sidecar's HTTP proxy. */
  call(
    sidecar: Pick<RunningSidecar, 'proxyPort'>,
    url: string,
    options: Readonly<{ method?: string; headers?: Record<string, string>; body?: string }> = {},
  ): Promise<Answer> {
    const { method = 'GET', headers = {}, body = '' } = options;
    return new Promise((resolve, reject) => {
      const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const call = request(
        {
          port: sidecar.proxyPort,
          method,
          path: url,
          headers: { host: new URL(url).host, ...length, ...headers },
          agent: this.agent,
        },
        (response) => {
          readAll(response).then(
            (text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
            reject,
          );
        },
      );
      call.on('error', reject);
      call.end(body);
    });
  }

  /** Kills a process as `kill -9` does and waits until it is gone. */
  async kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.#children.get(name);
    if (child === undefined) throw new Error(`no process ${name}`);
    this.#children.delete(name);
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill(signal);
    return ended;
  }

  /** The process id of a running part: `control-plane`, or a sidecar by its name. */
  pidOf(name: string): number {
    const pid = this.#children.get(name)?.pid;
    if (pid === undefined) throw new Error(`no process ${name}`);
    return pid;
  }

  log(name: string): Promise<string> {
    return readFile(join(this.folder, `${name}.log`), 'utf8');
  }

  async close(): Promise<void> {
    this.agent.destroy();
    await Promise.all([...this.#children.keys()].map((name) => this.kill(name)));
    for (const server of this.#apps) {
      server.close();
      server.closeAllConnections();
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  #spawn(name: string, args: readonly string[]): void {
    assert.ok(!this.#children.has(name), `${name} runs already`);
    const log = openSync(join(this.folder, `${name}.log`), 'a');
    const child = spawn(process.execPath, [...this.#nodeFlags, ...args], {
      cwd: root,
      stdio: ['ignore', 'ignore', log],
      env: { ...process.env, MALLOC_ARENA_MAX: '1' },
    });
    this.#children.set(name, child);
    closeSync(log);
  }
}

/** Calls again and again from several callers until `stop`; counts what came back. */
export class Load {
  readonly statuses = new Map<string, number>();
  #isStopped = false;
  readonly #running: Promise<void>[];

  constructor(call: () => Promise<Answer>, callers = 8) {
    this.#running = Array.from({ length: callers }, () => this.#run(call));
  }

  get failures(): ReadonlyMap<string, number> {
    return new Map([...this.statuses].filter(([status]) => status !== '200'));
  }

  get total(): number {
    return [...this.statuses.values()].reduce((sum, count) => sum + count, 0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  async #run(call: () => Promise<Answer>): Promise<void> {
    while (!this.#isStopped) {
      const status = await call().then(
        (answer) => String(answer.status),
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    }
  }
}
