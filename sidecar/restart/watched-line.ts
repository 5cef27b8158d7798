/**
 * The two lines between the sidecars of a row and the process that was started first. That one stays as long as a sidecar runs, so that
 * whoever started it (a container's runtime, systemd, `meshctl up`) keeps a process to signal and to wait for (`watcher.ts`).
 *
 *   line  from the sidecar in charge: "pid 123\n" when it takes over, "exit 0\n" when it ends. A successor inherits it, the predecessor
 *         closes its own: it is down when the sidecar in charge is.
 *   life  nothing is said; the first process alone holds the other end, so that all hear when it has gone, those too that only finish
 *         what is under way.
 */
import { closeSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isErrno } from '#shared/runtime/errno.ts';

/** Descriptors of a sidecar. */
export type LineDescriptors = Readonly<{ line: number; life: number }>;

/** The sidecar's end. */
export class WatchedLine {
  readonly fds: LineDescriptors;
  readonly #life: Socket;
  #isOpen = true;
  #isInCharge = false;

  /** `onGone`: nobody watches any more. */
  constructor(fds: LineDescriptors, onGone: () => void) {
    this.fds = fds;
    this.#life = new Socket({ fd: fds.life, readable: true, writable: false });
    this.#life.on('error', () => undefined);
    this.#life.once('close', onGone);
    this.#life.resume();
    this.#life.unref();
  }

  /** This process is in charge now. */
  takeOver(pid: number): void {
    this.#isInCharge = true;
    this.#write(`pid ${pid}\n`);
  }

  /** This process ends. If it is in charge no other follows. For the very end: it writes at once. */
  end(exitCode: number): void {
    if (this.#isInCharge) this.#write(`exit ${exitCode}\n`);
  }

  /** Another is in charge; the line is its own. */
  release(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.fds.line);
  }

  #write(text: string): void {
    if (!this.#isOpen) return;
    try {
      writeSync(this.fds.line, text);
    } catch (error) {
      // The other end has just gone, which `onGone` tells.
      if (!isErrno(error, 'EPIPE') && !isErrno(error, 'ECONNRESET')) throw error;
    }
  }
}
