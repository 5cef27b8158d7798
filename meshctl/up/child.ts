/** Starts one process in a group of its own, with its log, and ends it with its whole group. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type ChildOptions = Readonly<{
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** The repository, which is where it runs. */
  cwd: string;
  logFile: string;
  /** Takes the lines of standard output; null: they go to the log. */
  onLine: ((line: string) => void) | null;
  onExit: (reason: string) => void;
}>;

/** A process of its own group that ends with this one, however this one ends (`follow-parent.mjs`). */
export class Child {
  readonly #process: ChildProcess;

  constructor(options: ChildOptions) {
    const log = openSync(options.logFile, 'a');
    try {
      const followParent = join(options.cwd, 'meshctl', 'up', 'follow-parent.mjs');
      this.#process = spawn(process.execPath, ['--import', followParent, ...options.args], {
        cwd: options.cwd,
        env: options.env,
        // A group of its own: Ctrl-C at the terminal reaches `meshctl up` alone, which stops the others in good order.
        detached: true,
        stdio: ['pipe', options.onLine === null ? log : 'pipe', log],
      });
    } finally {
      closeSync(log);
    }
    this.#process.once('error', (error) => options.onExit(error.message));
    this.#process.once('exit', (code, signal) => {
      // What it may have started must not outlive it.
      this.signal('SIGKILL');
      options.onExit(signal ?? `exit code ${code}`);
    });
    // Writing is never tried; the pipe breaks when the child ends.
    this.#process.stdin?.on('error', () => undefined);
    const { stdout } = this.#process;
    if (options.onLine !== null && stdout !== null) createInterface({ input: stdout }).on('line', options.onLine);
  }

  /** Sends a signal to the process and all that it started. */
  signal(signal: NodeJS.Signals): void {
    if (this.#process.pid === undefined) return;
    try {
      process.kill(-this.#process.pid, signal);
    } catch (error) {
      // Nothing is left of the group.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH' && (error as NodeJS.ErrnoException).code !== 'EPERM')
        throw error;
    }
  }
}
