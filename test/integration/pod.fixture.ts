/** A sidecar that is started as in a pod: `--pod`, the environment that the injector writes, and a folder in place of the root. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { sidecarCommand } from '../support/sidecar-command.ts';

const repository = resolve(import.meta.dirname, '../..');
const main = join(repository, 'sidecar/main.ts');

export type PodOptions = Readonly<{
  name: string;
  ip: string;
  account: string;
  labels: Readonly<Record<string, string>>;
  flags: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** What stands before the command: a network namespace, a user. */
  prefix?: readonly string[];
}>;

/** What an answer was. */
export type Said = Readonly<{ status: number; body: string; connection: string | undefined }>;

export class PodSidecar {
  readonly folder: string;
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #stderr = '';

  private constructor(folder: string, options: PodOptions) {
    const { name, ip, account, flags, env = {}, prefix = [] } = options;
    this.folder = folder;
    const command = sidecarCommand();
    const [program = '', ...args] = [...prefix, process.execPath, ...command.nodeFlags, main, '--pod', ...flags];
    this.#child = spawn(program, args, {
      cwd: repository,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        TULLE_TRANSPORT: process.env['TULLE_TRANSPORT'],
        ...command.env,
        TULLE_POD_ROOT: folder,
        POD_NAME: name,
        POD_NAMESPACE: 'shop',
        SERVICE_ACCOUNT: account,
        INSTANCE_IP: ip,
        ...env,
      },
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.exited = new Promise((done) => this.#child.once('exit', (code) => done(code)));
  }

  /** Starts one, with its labels but without token and root, and waits for nothing. */
  static async start(options: PodOptions): Promise<PodSidecar> {
    const folder = await mkdtemp(join(tmpdir(), 'tulle-pod-'));
    const labels = Object.entries(options.labels).map(([key, value]) => `${key}=${JSON.stringify(value)}\n`);
    await put(folder, 'etc/istio/pod/labels', labels.join(''));
    const data = join(folder, 'var/lib/istio/data');
    await mkdir(data, { recursive: true });
    // As the volumes of a pod: of root, and read and written by the proxy's user.
    await chmod(folder, 0o755);
    await chmod(data, 0o777);
    return new PodSidecar(folder, options);
  }

  /** Brings what volumes bring. */
  async bring(file: 'token' | 'root', content: string): Promise<void> {
    const path = { token: 'var/run/secrets/tokens/istio-token', root: 'var/run/secrets/istio/root-cert.pem' }[file];
    await put(this.folder, path, content);
  }

  get log(): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.#stderr.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  }

  get messages(): readonly unknown[] {
    return this.log.map(({ msg }) => msg);
  }

  get stderr(): string {
    return this.#stderr;
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async stop(): Promise<void> {
    if (!this.hasExited) this.#child.kill('SIGKILL');
    await this.exited;
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function put(folder: string, path: string, content: string): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

/** Runs `wait` or `drain` as a hook does; its exit code, how long it took, and what it said. */
export async function runHook(args: readonly string[]): Promise<Readonly<{ code: number | null; says: string }>> {
  const child = spawn(process.execPath, [main, ...args], { cwd: repository, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<number | null>((done) => child.once('exit', done));
  const [out, complaint] = await Promise.all([readAll(child.stdout), readAll(child.stderr)]);
  return { code: await exited, says: out + complaint };
}

/** One request on a connection of its own. */
export function ask(port: number, path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Said> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path,
      method,
      agent: false,
      headers: { connection: 'keep-alive', ...headers },
    };
    const call = request(options, (response) => {
      const { statusCode: status = 0, headers: said } = response;
      readAll(response).then((body) => {
        resolve({ status, body, connection: said.connection });
        call.destroy();
      }, reject);
    });
    call.on('error', reject).end();
  });
}
