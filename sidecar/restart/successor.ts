/**
 * Starts a successor: the same command line in the same folder, so that what lies on disk there now is what runs. Descriptors go in
 * slots of its standard streams: 3 the IPC channel, 4 the line to whoever watches, from 5 on the listening sockets.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { HandedSocket } from '../net/listening-sockets.ts';
import { encodeInheritance, inheritanceVariable } from './inheritance.ts';
import { parseSuccessorMessage, type PredecessorMessage } from './messages.ts';
import type { SuccessorHandler, SuccessorProcess } from './upgrade.ts';

export type SuccessorSetup = Readonly<{
  environment: Readonly<Record<string, string | undefined>>;
  sockets: readonly HandedSocket[];
  /** The line to the process that watches us; null if nobody does, so that we are to watch ourselves. */
  lineFd: number | null;
}>;

const lineSlot = 4;
const firstSocketSlot = 5;

/** A successor, from the side of its parent. */
export class Successor implements SuccessorProcess {
  readonly pid: number;
  readonly #child: ChildProcess;

  constructor({ environment, sockets, lineFd }: SuccessorSetup, handler: SuccessorHandler) {
    const inherited = sockets.map((socket, index) => ({ ...socket, fd: firstSocketSlot + index }));
    const inheritance = encodeInheritance({ sockets: inherited, lineFd: lineSlot });
    this.#child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      env: { ...environment, [inheritanceVariable]: inheritance },
      // Its standard input too: `meshctl up` ends its processes by closing that.
      stdio: ['inherit', 'inherit', 'inherit', 'ipc', lineFd ?? 'pipe', ...sockets.map(({ fd }) => fd)],
    });
    this.pid = this.#child.pid ?? 0;
    this.#child.on('message', (message) => {
      const known = parseSuccessorMessage(message);
      if (known !== null) handler.onMessage(known);
    });
    this.#child.once('error', (error) => handler.onEnd(error.message));
    this.#child.once('exit', (code, signal) => handler.onEnd(signal ?? `exit code ${code}`));
  }

  /** Our end of the line, if nobody else has it. */
  get line(): Duplex | null {
    const line: unknown = this.#child.stdio[lineSlot];
    return line === undefined || line === null ? null : (line as Duplex);
  }

  go(): void {
    const message: PredecessorMessage = { kind: 'go' };
    // One that is gone is heard of by its end.
    this.#child.send(message, () => undefined);
  }

  kill(): void {
    this.line?.destroy();
    this.#child.kill('SIGKILL');
  }

  /** It goes on without us: tells it that we no longer listen, and no longer waits for its end. */
  release(): void {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.unref();
  }
}
