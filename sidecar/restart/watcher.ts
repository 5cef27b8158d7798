/** The process that was started first, once a successor has taken over: it passes signals on and ends when the last sidecar does. */
import type { Readable } from 'node:stream';
import { isErrno } from '#shared/runtime/errno.ts';

/** What is known of the sidecar in charge. `exitCode`: null until it has said. */
export type Watched = Readonly<{ pid: number; exitCode: number | null; rest: string }>;

/** Reads what came over the line (`watched-line.ts`), which may break anywhere. */
export function readLine(watched: Watched, text: string): Watched {
  const lines = `${watched.rest}${text}`.split('\n');
  const rest = lines.pop() ?? '';
  return lines.reduce<Watched>(
    (state, line) => {
      const [, word, digits] = /^(pid|exit) (\d+)$/.exec(line) ?? [];
      if (word === 'pid') return { ...state, pid: Number(digits) };
      return word === 'exit' ? { ...state, exitCode: Number(digits) } : state;
    },
    { ...watched, rest },
  );
}

/** The exit code of a sidecar that ended without a word: it was killed. */
const killedExitCode = 1;

export class Watcher {
  #watched: Watched;
  /** Resolves with the exit code to end with. */
  readonly ended: Promise<number>;

  constructor(line: Readable, pid: number) {
    this.#watched = { pid, exitCode: null, rest: '' };
    line.on('data', (bytes: Buffer) => {
      this.#watched = readLine(this.#watched, bytes.toString());
    });
    line.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      line.once('close', () => resolve(this.#watched.exitCode ?? killedExitCode));
    });
  }

  /** The sidecar in charge. */
  get pid(): number {
    return this.#watched.pid;
  }

  /** Passes a signal on to the sidecar in charge. One that has ended is heard of by its line. */
  signal(name: NodeJS.Signals): void {
    try {
      process.kill(this.pid, name);
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  }
}
