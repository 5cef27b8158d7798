import { fail, problem, type Result } from '#shared/runtime/result.ts';
import { tags } from './der-writer.ts';

/**
 * Reads ASN.1 DER strictly. Foreign bytes come in; whatever is not DER (indefinite or padded lengths, high tag numbers,
 * bytes left over) is refused, for two readers that differ about such bytes are how forged names slip through.
 * Nothing is copied: every slice is a view of the input.
 */

/** One value: `content` without, `raw` with tag and length. */
export type DerValue = Readonly<{ tag: number; content: Buffer; raw: Buffer }>;

/** What {@link DerReader} throws; {@link readDer} turns it into a problem. */
class DerError extends Error {}

/** Runs a reader of DER: what it finds malformed becomes one problem at `path`, under `code`. */
export function readDer<T>(path: string, code: string, read: () => Result<T>): Result<T> {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return fail([problem(path, error.message, code)]);
  }
}

/** A cursor over the values that stand in a row in some bytes. */
export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Whether every byte was read. */
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The tag of the next value, if there is one. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The next value, which must bear this tag. */
  value(tag: number, what: string): DerValue {
    const next = this.any(what);
    if (next.tag !== tag)
      throw new DerError(`${what}: expected tag 0x${tag.toString(16)}, got 0x${next.tag.toString(16)}`);
    return next;
  }

  /** The next value if it bears this tag. */
  optional(tag: number, what: string): DerValue | undefined {
    return this.peek() === tag ? this.any(what) : undefined;
  }

  /** A reader of the content of the next value, a SEQUENCE unless another tag is given. */
  inside(what: string, tag: number = tags.sequence): DerReader {
    return new DerReader(this.value(tag, what).content);
  }

  /** The next value, an OBJECT IDENTIFIER, in its dotted form. */
  oid(what: string): string {
    return decodeOid(this.value(tags.oid, what).content, what);
  }

  /** The next value, a BIT STRING of whole bytes. */
  bitString(what: string): Buffer {
    const { content } = this.value(tags.bitString, what);
    if (content[0] !== 0) throw new DerError(`${what}: not a BIT STRING of whole bytes`);
    return content.subarray(1);
  }

  /** The next value, an INTEGER in the fewest bytes. */
  integer(what: string): Buffer {
    const { content } = this.value(tags.integer, what);
    const [first, second] = content;
    if (first === undefined) throw new DerError(`${what}: empty INTEGER`);
    const isPadded = second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
    if (isPadded) throw new DerError(`${what}: INTEGER with needless leading byte`);
    return content;
  }

  /** The next value, an optional BOOLEAN whose default is FALSE (so that DER writes only TRUE). */
  optionalTrue(what: string): boolean {
    const found = this.optional(tags.boolean, what);
    if (found === undefined) return false;
    if (found.content.length !== 1 || found.content[0] !== 0xff) throw new DerError(`${what}: not a DER TRUE`);
    return true;
  }

  /** The next value, whatever its tag. */
  any(what: string): DerValue {
    const start = this.#at;
    const tag = this.#byte(what);
    if ((tag & 0x1f) === 0x1f) throw new DerError(`${what}: high tag number`);
    const length = this.#length(what);
    if (length > this.#bytes.length - this.#at) throw new DerError(`${what}: ends before its length`);
    const content = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return { tag, content, raw: this.#bytes.subarray(start, this.#at) };
  }

  /** Demands that nothing is left. */
  end(what: string): void {
    if (!this.isAtEnd) throw new DerError(`${what}: ${this.#bytes.length - this.#at} bytes left over`);
  }

  /** Refuses the input for a reason that the caller found. */
  malformed(message: string): never {
    throw new DerError(message);
  }

  #byte(what: string): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new DerError(`${what}: missing`);
    return byte;
  }

  #length(what: string): number {
    const first = this.#byte(what);
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw new DerError(`${what}: indefinite or oversized length`);
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte(what);
    if (length < 0x80 || length < 2 ** (8 * (count - 1)))
      throw new DerError(`${what}: length in more bytes than needed`);
    return length;
  }
}

function decodeOid(content: Buffer, what: string): string {
  const arcs: number[] = [];
  let arc = 0;
  let isFirstByte = true;
  for (const byte of content) {
    if (isFirstByte && byte === 0x80) throw new DerError(`${what}: OBJECT IDENTIFIER with padded arc`);
    if (arc > 2 ** 40) throw new DerError(`${what}: OBJECT IDENTIFIER with oversized arc`);
    arc = arc * 128 + (byte & 0x7f);
    isFirstByte = byte < 0x80;
    if (!isFirstByte) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [first, ...rest] = arcs;
  if (first === undefined || !isFirstByte) throw new DerError(`${what}: incomplete OBJECT IDENTIFIER`);
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - 40 * root, ...rest].join('.');
}
