/**
 * Starts a successor: the same command line in the same folder, so that what lies on disk there now is what runs. Descriptors go in
 * slots of its standard streams: 3 the IPC channel, 4 and 5 the lines to whoever watches, from 6 on the listening sockets.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { HandedSocket } from '../net/listening-sockets.ts';
import { encodeInheritance, inheritanceVariable } from './inheritance.ts';
import { parseSuccessorMessage, type PredecessorMessage } from './messages.ts';
import type { SuccessorHandler, SuccessorProcess } from './upgrade.ts';
import type { LineDescriptors } from './watched-line.ts';

export type SuccessorSetup = Readonly<{
  environment: Readonly<Record<string, string | undefined>>;
  sockets: readonly HandedSocket[];
  /** The lines to the process that watches us; null if nobody does, so that we are to watch. */
  lines: LineDescriptors | null;
}>;

const lineSlot = 4;
const lifeSlot = 5;
const firstSocketSlot = 6;

/** A successor, from the side of its parent. */
export class Successor implements SuccessorProcess {
  readonly pid: number;
  readonly #child: ChildProcess;

  constructor({ environment, sockets, lines }: SuccessorSetup, handler: SuccessorHandler) {
    const inherited = sockets.map((socket, index) => ({ ...socket, fd: firstSocketSlot + index }));
    const inheritance = encodeInheritance({ sockets: inherited, line: lineSlot, life: lifeSlot });
    this.#child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      env: { ...environment, [inheritanceVariable]: inheritance },
      // Its standard input too: `meshctl up` ends its processes by closing that.
      stdio: [
        ...(['inherit', 'inherit', 'inherit', 'ipc'] as const),
        lines?.line ?? 'pipe',
        lines?.life ?? 'pipe',
        ...sockets.map(({ fd }) => fd),
      ],
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
    return this.#slot(lineSlot);
  }

  go(): void {
    const message: PredecessorMessage = { kind: 'go' };
    // One that is gone is heard of by its end.
    this.#child.send(message, () => undefined);
  }

  kill(): void {
    this.line?.destroy();
    this.#slot(lifeSlot)?.destroy();
    this.#child.kill('SIGKILL');
  }

  /** Passes a signal on; one that has ended needs none. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** It goes on without us: tells it that we no longer listen, and no longer waits for its end. */
  release(): void {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.unref();
  }

  #slot(index: number): Duplex | null {
    const stream: unknown = this.#child.stdio[index];
    return stream === undefined || stream === null ? null : (stream as Duplex);
  }
}
