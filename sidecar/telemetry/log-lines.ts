import { Buffer } from 'node:buffer';

/** Up to here a loop over the characters beats the call, and over octets up to there (bench/micro/routing.ts). */
const loopLength = 15;
const loopBytes = 32;
/** Octets that UTF-8 takes for a UTF-16 unit, at most. */
const maxUtf8 = 3;

/**
 * Log lines as they will be written, in UTF-8, one after another in one piece of memory. As text a line would be a string of its own,
 * copied three times on its way to the file, and every young collection until then would have to move it.
 */
export class LogLines {
  #bytes: Buffer;
  #end = 0;
  /** Grows when other memory is taken: until then all that was written stays where it is. */
  generation = 0;

  /** `memory`: taken over. */
  constructor(memory: Buffer) {
    this.#bytes = memory;
  }

  /** Octets that were written. */
  get length(): number {
    return this.#end;
  }

  /** The octets, in the memory that the next ones go to unless it is replaced. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  /** Begins anew, in other memory. */
  restart(memory: Buffer): void {
    this.#bytes = memory;
    this.#end = 0;
    this.generation++;
  }

  /** Writes what was written from `start` to `end` once more. */
  repeat(start: number, end: number): void {
    const length = end - start;
    if (this.#end + length > this.#bytes.length) this.#grow(length);
    const bytes = this.#bytes;
    let at = this.#end;
    if (length > loopBytes) bytes.copy(bytes, at, start, end);
    else for (let i = start; i < end; i++) bytes[at++] = bytes[i] ?? 0;
    this.#end += length;
  }

  text(text: string): void {
    const { length } = text;
    if (this.#end + length * maxUtf8 > this.#bytes.length) this.#grow(length * maxUtf8);
    const bytes = this.#bytes;
    const end = this.#end;
    if (length <= loopLength) {
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) break;
        bytes[end + i] = code;
      }
      if (i === length) {
        this.#end = end + length;
        return;
      }
    }
    this.#end = end + bytes.write(text, end);
  }

  number(value: number): void {
    if (value < 0 || value > 0x3fff_ffff || !Number.isInteger(value)) return this.text(String(value));
    let digits = 1;
    for (let rest = value; rest >= 10; rest = (rest / 10) | 0) digits++;
    if (this.#end + digits > this.#bytes.length) this.#grow(digits);
    let at = (this.#end += digits);
    for (let rest = value; digits > 0; digits--, rest = (rest / 10) | 0) this.#bytes[--at] = 0x30 + (rest % 10);
  }

  raw(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #grow(missing: number): void {
    const larger = Buffer.allocUnsafeSlow(2 * this.#bytes.length + missing);
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}
