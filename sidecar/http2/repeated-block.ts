import { Buffer } from 'node:buffer';
import type { FieldSection } from './field-section.ts';

/** Longer blocks, and those of larger lists, are decoded each time: a connection that is idle holds no more than this of each kind. */
const maxBlockBytes = 512;
const maxListBytes = 4096;

const noBytes = Buffer.alloc(0);

/**
 * The last header block of one kind on one connection. A client asks for the same again and again, servers answer alike, and trailers
 * hardly differ: a block of the same octets says the same as long as the table of the decoder did not change. Its octets are kept
 * when it comes first, what it says when it comes again, so that blocks with an id of their own cost a copy and no more. What holds
 * credentials as literals is not kept.
 */
export class RepeatedBlock {
  #bytes: Buffer = noBytes;
  #length = 0;
  #tableVersion = -1;
  #section: FieldSection | null = null;

  /** What the block says, if it is the last one again; null: it must be decoded. */
  find(block: Uint8Array, start: number, end: number, tableVersion: number): FieldSection | null {
    const section = this.#section;
    if (section === null || !this.#isSame(block, start, end, tableVersion)) return null;
    section.fault = null;
    return section;
  }

  /** Takes note of a block that was decoded, and changed the table or not (`tableVersion`: before and after it). */
  note(
    block: Uint8Array,
    [start, end]: readonly [number, number],
    section: FieldSection,
    tableVersions: readonly [number, number],
  ): void {
    const [before, after] = tableVersions;
    const isKept =
      before === after &&
      end - start <= maxBlockBytes &&
      section.fault === null &&
      section.listBytes <= maxListBytes &&
      !section.hasSecret;
    if (!isKept) {
      this.#length = 0;
      this.#section = null;
      return;
    }
    if (this.#isSame(block, start, end, after)) {
      this.#section = section.copy();
      return;
    }
    this.#section = null;
    this.#length = end - start;
    this.#tableVersion = after;
    if (this.#bytes.length < this.#length) this.#bytes = Buffer.allocUnsafeSlow(this.#length);
    for (let i = 0; i < this.#length; i++) this.#bytes[i] = block[start + i] ?? 0;
  }

  #isSame(block: Uint8Array, start: number, end: number, tableVersion: number): boolean {
    const bytes = this.#bytes;
    const length = this.#length;
    if (end - start !== length || length === 0 || tableVersion !== this.#tableVersion) return false;
    // From its end, where what differs stands mostly.
    for (let i = length - 1; i >= 0; i--) if (bytes[i] !== block[start + i]) return false;
    return true;
  }
}
