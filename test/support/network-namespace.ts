/** Network namespaces for tests: made and taken away by them, nothing of the host's network is touched. Needs root, `ip` and what is named. */
import { execFile, execFileSync, spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Why tests that need namespaces and these commands cannot run here; false if they can. */
export function withoutNamespaces(...commands: readonly string[]): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  const has = (command: string) => spawnSync(command, ['--version']).error === undefined;
  const missing = ['ip', ...commands].find((command) => !has(command));
  return missing === undefined ? false : `needs ${missing}`;
}

/** How a command in a namespace ended. */
export type Ended = Readonly<{ code: number; out: string; error: string }>;

let made = 0;

/** One network namespace, with its loopback interface up. */
export class NetworkNamespace {
  readonly name: string;
  readonly #children = new Set<ChildProcess>();

  constructor() {
    this.name = `tulle-${process.pid}-${++made}`;
    execFileSync('ip', ['netns', 'add', this.name]);
    this.ip('link set lo up');
  }

  /** Joins two namespaces by a pair of interfaces of this name, and gives each its addresses (with their lengths). */
  static join(
    name: string,
    ...ends: readonly Readonly<{ in: NetworkNamespace; addresses: readonly string[] }>[]
  ): void {
    const [one, other] = ends;
    if (one === undefined || other === undefined) throw new TypeError('two namespaces are joined');
    execFileSync('ip', ['-n', one.in.name, 'link', 'add', name, 'type', 'veth', 'peer', name, 'netns', other.in.name]);
    for (const [n, end] of ends.entries()) {
      // A router asks for neighbours from its link-local address: here one that is known, and does not come to be later.
      end.in.ip(`link set ${name} addrgenmode none`);
      for (const address of [...end.addresses, `fe80::${n + 1}/64`])
        end.in.ip(`addr add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`);
      end.in.ip(`link set ${name} up`);
    }
  }

  /** Runs `ip` there; the arguments as one text. Throws when it fails. */
  ip(args: string): string {
    return execFileSync('ip', ['-n', this.name, ...args.split(' ')], { encoding: 'utf8', stdio: 'pipe' });
  }

  /** Writes a file that is of the namespace, as those of /proc/sys/net are. */
  write(path: string, text: string): void {
    const [program, all] = this.command('tee', [path]);
    execFileSync(program, all, { input: text, stdio: 'pipe' });
  }

  /** The arguments that run a command there, for `spawn`. */
  command(command: string, args: readonly string[]): readonly [string, string[]] {
    return ['ip', ['netns', 'exec', this.name, command, ...args]];
  }

  /** Runs a command there to its end, whatever that is; `timeoutMs` stops it. */
  async run(command: string, args: readonly string[], timeoutMs = 30_000): Promise<Ended> {
    const [program, all] = this.command(command, args);
    try {
      const { stdout, stderr } = await execute(program, all, { timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024 });
      return { code: 0, out: stdout, error: stderr };
    } catch (error) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what execFile rejects with
      const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
      return { code: typeof code === 'number' ? code : -1, out: stdout ?? '', error: stderr ?? String(error) };
    }
  }

  /** Starts a process there; it is stopped with the namespace. */
  start(command: string, args: readonly string[], options: Readonly<{ stdio: StdioOptions; env?: NodeJS.ProcessEnv }>) {
    const [program, all] = this.command(command, args);
    const child = spawn(program, all, options);
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Stops what was started there and takes it away. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#children].map(
        (child) =>
          new Promise((resolve) => {
            child.once('exit', resolve);
            child.kill('SIGKILL');
          }),
      ),
    );
    execFileSync('ip', ['netns', 'delete', this.name]);
  }
}
