/**
 * The line from the sidecar in charge to the process that was started first. That one stays as long as a sidecar runs, so that whoever
 * started it (a container's runtime, systemd, `meshctl up`) keeps a process to signal and to wait for (`watcher.ts`).
 *
 *   sidecar -> watcher   "pid 123\n" when it takes over, "exit 0\n" when it ends
 *   watcher -> sidecar   nothing; its end of the line closes when it is gone
 *
 * A successor inherits the descriptor, the predecessor closes its own: the line is down when the last sidecar is.
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isErrno } from '#shared/runtime/errno.ts';

/** The sidecar's end. */
export class WatchedLine {
  readonly fd: number;
  readonly #socket: Socket;
  #isOpen = true;
  #isInCharge = false;

  /** `onGone`: nobody watches any more. */
  constructor(fd: number, onGone: () => void) {
    this.fd = fd;
    this.#socket = new Socket({ fd, readable: true, writable: false });
    this.#socket.on('error', () => undefined);
    this.#socket.once('close', () => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      onGone();
    });
    this.#socket.resume();
    this.#socket.unref();
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
    this.#isOpen = false;
    this.#socket.destroy();
  }

  #write(text: string): void {
    if (!this.#isOpen) return;
    try {
      writeSync(this.fd, text);
    } catch (error) {
      // The other end has just gone, which `onGone` tells.
      if (!isErrno(error, 'EPIPE') && !isErrno(error, 'ECONNRESET')) throw error;
    }
  }
}
