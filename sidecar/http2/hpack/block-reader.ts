import { Buffer } from 'node:buffer';
import { faults } from './faults.ts';
import { HuffmanDecoder } from './huffman-decoder.ts';

const noBytes = Buffer.alloc(0);
/** Of this worker: a string is decoded without yielding. */
const huffman = new HuffmanDecoder();
/** Enough for 32 bits behind any prefix; padded ones of more octets are refused, as are endless ones. */
const maxIntegerOctets = 5;

/** Reads the primitives of a header block (RFC 7541 5), one after the other. */
export class BlockReader {
  /** Why the last read failed. */
  fault = '';
  #bytes: Buffer = noBytes;
  #at = 0;
  #end = 0;

  /** Starts at `start`. */
  begin(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Lets go of the bytes. */
  finish(): void {
    this.#bytes = noBytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** The next octet, which stays. */
  peek(): number {
    return this.#bytes[this.#at] ?? 0;
  }

  /** Reads an integer (5.1); `mask` has the bits of its prefix. -1: malformed, `fault` says why. */
  integer(mask: number): number {
    const prefix = (this.#bytes[this.#at++] ?? 0) & mask;
    return prefix < mask ? prefix : this.#longInteger(mask);
  }

  /** Reads a string (5.2). Null: malformed, `fault` says why. */
  text(): string | null {
    if (this.isAtEnd) return this.#fail(faults.stringCut);
    const isHuffman = this.peek() >= 0x80;
    const length = this.integer(0x7f);
    if (length < 0) return null;
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) return this.#fail(faults.stringCut);
    this.#at = end;
    if (!isHuffman) return this.#bytes.toString('latin1', start, end);
    return huffman.decode(this.#bytes, start, end) ?? this.#fail(huffman.fault);
  }

  #longInteger(prefix: number): number {
    let value = prefix;
    // Multiplied, since 35 bits are more than a shift knows.
    for (let weight = 1, octets = 0; octets < maxIntegerOctets; weight *= 0x80, octets++) {
      if (this.isAtEnd) {
        this.fault = faults.integerCut;
        return -1;
      }
      const octet = this.#bytes[this.#at++] ?? 0;
      value += (octet & 0x7f) * weight;
      if (octet < 0x80) return value;
    }
    this.fault = faults.integerLong;
    return -1;
  }

  #fail(fault: string): null {
    this.fault = fault;
    return null;
  }
}
