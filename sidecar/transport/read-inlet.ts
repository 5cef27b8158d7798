import { Buffer } from 'node:buffer';
import type { OnReadOpts } from 'node:net';

const sharedBytes = 64 * 1024;

/** One read buffer for all sockets of a worker: what was read is handled or copied before the next read. */
let shared: Buffer | null = null;

function sharedBuffer(): Buffer {
  return (shared ??= Buffer.allocUnsafeSlow(sharedBytes));
}

/**
 * Lets a socket read into one buffer that is used again and again, by the documented `onread` option of `net.connect` and
 * `tls.connect` (accepted sockets have no such option). Pass `inlet.onread` when connecting, and the inlet to `connectionOf`.
 * What arrives before that is kept, and reading stops.
 * Measured as in flush-queue.ts, for upstream connections alone: 17.0 us of CPU a request [16.7..17.7], without it 17.6 [17.3..18.2];
 * a small gain, the ranges overlap.
 */
export class ReadInlet {
  readonly onread: OnReadOpts = {
    buffer: () => sharedBuffer(),
    callback: (length, buffer) => this.#take(Buffer.from(buffer.buffer, buffer.byteOffset, length)),
  };
  #target: ((bytes: Buffer) => void) | null = null;
  #early: Buffer[] = [];

  /** From now on `target` gets what is read; returns what was read before. */
  open(target: (bytes: Buffer) => void): Buffer[] {
    const early = this.#early;
    this.#target = target;
    this.#early = [];
    return early;
  }

  /** False stops reading, until `socket.resume()`. */
  #take(bytes: Buffer): boolean {
    if (this.#target === null) {
      this.#early.push(Buffer.from(bytes));
      return false;
    }
    this.#target(bytes);
    return true;
  }
}
