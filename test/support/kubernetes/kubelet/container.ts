/**
 * A container as a process: namespaces of its own for mounts and process ids, the network and host name of its pod. Its first process has
 * id 1 there, as in any container: without a handler of its own it is not ended by SIGTERM. It dies with the kubelet, whatever ends that.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { type Root, rootScript } from './container-script.ts';

export type ContainerSettings = Readonly<{
  /** Process whose network and host name it shares. */
  sandbox: number;
  root: Root;
  /** Arguments of `setpriv`. */
  user: readonly string[];
  /** Where it starts. */
  folder: string;
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  logFile: string;
}>;

export type Exit = Readonly<{ code: number; signal: string | undefined }>;
export type Output = Readonly<{ code: number; output: string }>;

/** A running container. */
export class ContainerProcess {
  readonly #settings: ContainerSettings;
  readonly #child: ChildProcess;
  /** When it has ended, and how: 128 and the signal's number for one that was killed. */
  readonly exited: Promise<Exit>;
  #pid = 0;

  private constructor(settings: ContainerSettings) {
    this.#settings = settings;
    const { sandbox, root, user, folder, command, env, logFile } = settings;
    const log = openSync(logFile, 'a');
    const network = ['nsenter', `--net=/proc/${sandbox}/ns/net`, `--uts=/proc/${sandbox}/ns/uts`, '--'];
    const own = ['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--'];
    const script = ['bash', '-c', rootScript(root), 'container'];
    // Once more: who changes its user is let off the signal of its parent's death.
    const start = ['setpriv', '--pdeathsig', 'KILL', ...user, 'sh', '-c', 'cd "$0" && exec "$@"', folder, ...command];
    const stdio = ['ignore', log, log, 'pipe'] as const;
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...network, ...own, ...script, ...start], {
      env,
      stdio: [...stdio],
    });
    closeSync(log);
    this.exited = ending(this.#child);
  }

  /** Returns when the command is about to run, or has ended already. */
  static async start(settings: ContainerSettings): Promise<ContainerProcess> {
    const container = new ContainerProcess(settings);
    const started = container.#child.stdio[3] as Readable;
    await Promise.race([once(started, 'data'), container.exited]);
    started.destroy();
    container.#pid = firstChild(container.#child.pid ?? 0);
    return container;
  }

  get pid(): number {
    return this.#pid;
  }

  /** Sends a signal to the container's first process. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#pid === 0) return;
    try {
      process.kill(this.#pid, signal);
    } catch {
      // It ended between the look and the signal.
    }
  }

  /** Runs a command inside: its exit code, and what it printed. Ended with code 137 after the time. */
  async exec(command: readonly string[], timeoutMs: number): Promise<Output> {
    const { user, env } = this.#settings;
    const target = ['--target', `${this.#pid}`, '--mount', '--uts', '--net', '--pid', '--root', '--wd'];
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', 'nsenter', ...target, '--', 'setpriv', ...user, ...command],
      {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const timer = setTimeout(() => killTree(child), timeoutMs);
    const { code } = await ending(child);
    clearTimeout(timer);
    return { code, output };
  }
}

async function ending(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: 127, signal: undefined }));
    child.once('exit', (code, signal) => {
      resolve({ code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), signal: signal ?? undefined });
    });
  });
}

/** `nsenter --pid` forks: the command is its child, and would live on. */
function killTree(child: ChildProcess): void {
  const command = firstChild(child.pid ?? 0);
  if (command !== 0) process.kill(command, 'SIGKILL');
  else child.kill('SIGKILL');
}

function firstChild(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0] ?? 0);
  } catch {
    return 0;
  }
}
