import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { familyOf } from './proc.ts';

/** A command that serves at a port. `cwd`: where it is started, if that matters; `env`: beside our own. */
export type ServerCommand = Readonly<{
  command: string;
  args: readonly string[];
  port: number;
  cwd?: string | undefined;
  env?: Readonly<Record<string, string>> | undefined;
}>;

/** A running server: a process group of its own, ended by `stop`. */
export class ServerProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it and waits until it accepts. Its output goes to `logPath`; when it ends instead, the error has its last lines. */
  static async start({ command, args, port, cwd, env }: ServerCommand, logPath: string): Promise<ServerProcess> {
    const log = openSync(logPath, 'w');
    const child = spawn(command, args, {
      stdio: ['ignore', log, log],
      detached: true,
      cwd,
      env: { ...process.env, ...env },
    });
    closeSync(log);
    let failure: Error | null = null;
    child.on('error', (error) => (failure = error));
    const server = new ServerProcess(child);
    raisePriority(child.pid ?? 0);
    const end = performance.now() + 15_000;
    while (!(await accepts(port))) {
      if (failure !== null || child.exitCode !== null || performance.now() > end) {
        await server.stop();
        throw new Error(`does not serve: ${lastLines(logPath) || command}`, { cause: failure });
      }
      await pause(25);
    }
    return server;
  }

  /** The process and those it started. */
  pids(): number[] {
    return this.#child.pid === undefined ? [] : familyOf(this.#child.pid);
  }

  /** Ends it, in good order if that takes less than two seconds. */
  async stop(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const ended = new Promise<void>((done) => this.#child.once('exit', () => done()));
    signal(pid, 'SIGTERM');
    const timer = setTimeout(() => signal(pid, 'SIGKILL'), 2000);
    await ended;
    clearTimeout(timer);
  }
}

let mayRaise = true;

/** From here on nothing is given more of the CPU than what else runs. */
export function keepPriority(): void {
  mayRaise = false;
}

/** Gives a session more of the CPU than what else runs; only where that is allowed. */
export function raisePriority(pid: number): void {
  if (!mayRaise) return;
  try {
    writeFileSync(`/proc/${pid}/autogroup`, '-12');
  } catch {
    // Only a convenience: without it foreign load disturbs more, and is told.
  }
}

/** Our sidecars log JSON; of that the message is enough. */
function lastLines(path: string): string {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => /"msg":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line);
  return lines.slice(-3).join(' ').slice(-600);
}

/** To the whole group. */
function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, name);
  } catch {
    // It is gone already.
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
