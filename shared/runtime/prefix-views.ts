import type { Buffer } from 'node:buffer';

/** Lengths whose views are kept: 2048 of them take some 200 KB, if they all occur. */
const maxKeptLength = 2048;

/**
 * Views of the first octets of a buffer that is used again and again. Making one takes 100 ns, most messages are short, and the same
 * few lengths come back: those views are kept. Whoever takes one may only read it until the buffer is filled anew.
 */
export class PrefixViews {
  readonly buffer: Buffer;
  readonly #views: (Buffer | undefined)[] = [];

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  /** The octets before `length`. */
  take(length: number): Buffer {
    if (length > maxKeptLength) return this.buffer.subarray(0, length);
    return (this.#views[length] ??= this.buffer.subarray(0, length));
  }
}
