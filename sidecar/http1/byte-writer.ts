import { Buffer } from 'node:buffer';

/**
 * Small, because a view that outlives a young collection holds its whole slab until the next full one: under load, 13 MB with slabs
 * (and a `Buffer.poolSize`) of 64 KB, 4 MB with these.
 */
const slabBytes = 16 * 1024;
/** Up to here, copying octet by octet beats the call; of texts, whose characters take longer, up to there. */
const loopBytes = 32;
const loopCharacters = 15;

/**
 * Builds messages one after another in a slab of memory, without an allocation of bytes each: `begin`, write, `finish`. What was
 * finished stays as it is; a full slab is replaced by a new one and lives as long as the views of it. One a worker.
 */
export class ByteWriter {
  #slab: Buffer = Buffer.allocUnsafeSlow(slabBytes);
  #start = 0;
  #position = 0;

  /** What is written into, and up to where. */
  get slab(): Buffer {
    return this.#slab;
  }
  get position(): number {
    return this.#position;
  }

  /** Whether it costs little to hold the slab; else it was made for a large message. */
  get isSlabSmall(): boolean {
    return this.#slab.length <= slabBytes;
  }

  /** Starts a message of at most `maxBytes`. */
  begin(maxBytes: number): void {
    if (this.#position + maxBytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, maxBytes));
      this.#position = 0;
    }
    this.#start = this.#position;
  }

  /** The message since `begin`. */
  finish(): Buffer {
    return this.#slab.subarray(this.#start, this.#position);
  }

  /** Two octets. */
  octets(first: number, second: number): void {
    this.#slab[this.#position++] = first;
    this.#slab[this.#position++] = second;
  }

  /** The octets of `source` from `start` to `end`. */
  bytes(source: Buffer, start: number, end: number): void {
    if (end - start > loopBytes) {
      source.copy(this.#slab, this.#position, start, end);
      this.#position += end - start;
      return;
    }
    const slab = this.#slab;
    let position = this.#position;
    for (let i = start; i < end; i++) slab[position++] = source[i] ?? 0;
    this.#position = position;
  }

  /** Text that is known to be right. */
  literal(text: string): void {
    if (text.length > loopCharacters) {
      this.#position += this.#slab.write(text, this.#position, 'latin1');
      return;
    }
    const slab = this.#slab;
    let position = this.#position;
    for (let i = 0; i < text.length; i++) slab[position++] = text.charCodeAt(i);
    this.#position = position;
  }

  /** Text of which each character must be an octet that `table` allows; false at the first that is not. */
  text(text: string, table: Uint8Array): boolean {
    const { length } = text;
    const slab = this.#slab;
    let position = this.#position;
    // As UTF-8, of which only ASCII takes as many octets as it has characters.
    if (length > loopCharacters && slab.write(text, position) === length) {
      for (const end = position + length; position < end; position++)
        if (table[slab[position] ?? 0] === 0) return false;
      this.#position = position;
      return true;
    }
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0xff || table[code] === 0) return false;
      slab[position++] = code;
    }
    this.#position = position;
    return true;
  }
}

/** The writer of this worker: a message is begun and finished without yielding, so all connections can share it. */
export const sharedWriter = new ByteWriter();
