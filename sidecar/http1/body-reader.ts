import { Buffer } from 'node:buffer';
import { ChunkLine } from './chunked.ts';
import type { BodyFraming } from './head-parser.ts';
import { HeadReader } from './head-reader.ts';
import { HeaderMap } from './header-map.ts';
import { faults, type ProtocolFault } from './protocol-error.ts';
import { parseTrailers } from './trailers.ts';

const empty = Buffer.alloc(0);
const cr = 0x0d;
const lf = 0x0a;

/** Who takes the body. The buffer is only valid during the call. */
export interface BodySink {
  onBody(bytes: Buffer, end: boolean): void;
  /** Ends the body instead of `onBody` with `end`. */
  onTrailers(trailers: HeaderMap): void;
}

/** What comes next of a chunked body. */
type ChunkState = 'line' | 'data' | 'dataEnd' | 'trailers';

/**
 * Reads the body of one message after another, framed as the head said (RFC 9112 6.3), and passes it on without its framing.
 * Pure: owned by one connection.
 */
export class BodyReader {
  isDone = true;
  fault: ProtocolFault | null = null;

  readonly #maxTrailerBytes: number;
  readonly #maxTrailerFields: number;
  #framing: BodyFraming = 'none';
  /** Octets that still belong to the body, or to the chunk. */
  #remaining = 0;
  #state: ChunkState = 'line';
  #line: ChunkLine | null = null;
  #trailers: HeadReader | null = null;
  #isAfterCr = false;

  constructor(limits: Readonly<{ maxBytes: number; maxFields: number }>) {
    this.#maxTrailerBytes = limits.maxBytes;
    this.#maxTrailerFields = limits.maxFields;
  }

  /** Expects a body framed so; `length` counts for framing by length. */
  start(framing: BodyFraming, length: number): void {
    this.#framing = framing;
    this.#remaining = framing === 'length' ? length : 0;
    this.#state = 'line';
    this.#isAfterCr = false;
    this.#line = framing === 'chunked' ? new ChunkLine() : null;
    this.#trailers = null;
    this.isDone = framing === 'none' || (framing === 'length' && length === 0);
  }

  /** Passes nothing more on of this body: its receiver has lost interest. */
  stop(): void {
    this.isDone = true;
  }

  /** Takes octets from `from` on; returns where what does not belong to the body starts. */
  read(bytes: Buffer, from: number, sink: BodySink): number {
    if (this.isDone || from >= bytes.length) return from;
    if (this.#framing === 'chunked') return this.#readChunked(bytes, from, sink);
    if (this.#framing === 'untilClose') {
      sink.onBody(slice(bytes, from, bytes.length), false);
      return bytes.length;
    }
    const end = Math.min(bytes.length, from + this.#remaining);
    this.#remaining -= end - from;
    this.isDone = this.#remaining === 0;
    sink.onBody(slice(bytes, from, end), this.isDone);
    return end;
  }

  /** The peer sends no more. Ends a body that runs until then; any other is cut short: a fault. */
  finish(sink: BodySink): void {
    if (this.isDone) return;
    this.isDone = true;
    if (this.#framing === 'untilClose') sink.onBody(empty, true);
    else this.fault = faults.truncated;
  }

  /** The last data is held back until it is known whether the body ends with it. */
  #readChunked(bytes: Buffer, from: number, sink: BodySink): number {
    let at = from;
    let held: Buffer | null = null;
    while (!this.isDone && this.fault === null && at < bytes.length && at >= 0) {
      if (this.#state === 'data') {
        if (held !== null) sink.onBody(held, false);
        const end = Math.min(bytes.length, at + this.#remaining);
        held = slice(bytes, at, end);
        this.#remaining -= end - at;
        if (this.#remaining === 0) this.#state = 'dataEnd';
        at = end;
      } else if (this.#state === 'trailers') {
        return this.#readTrailers(bytes, at, sink, held);
      } else {
        at = this.#state === 'line' ? this.#readLine(bytes, at) : this.#readDataEnd(bytes, at);
      }
    }
    if (held !== null) sink.onBody(held, false);
    return at < 0 ? bytes.length : at;
  }

  #readLine(bytes: Buffer, at: number): number {
    const line = this.#line;
    if (line === null) return -1;
    const next = line.read(bytes, at);
    this.fault = line.fault;
    if (next < 0) return -1;
    this.#remaining = line.size;
    this.#state = line.size === 0 ? 'trailers' : 'data';
    return next;
  }

  #readDataEnd(bytes: Buffer, from: number): number {
    const octet = bytes[from];
    if (octet !== (this.#isAfterCr ? lf : cr)) this.fault = faults.chunkEnd;
    if (this.#isAfterCr) this.#state = 'line';
    this.#isAfterCr = !this.#isAfterCr;
    return from + 1;
  }

  #readTrailers(bytes: Buffer, from: number, sink: BodySink, held: Buffer | null): number {
    if (this.#trailers === null && bytes[from] === cr && bytes[from + 1] === lf) {
      this.isDone = true;
      sink.onBody(held ?? empty, true);
      return from + 2;
    }
    this.#trailers ??= new HeadReader({ kind: 'trailers', maxBytes: this.#maxTrailerBytes, lenient: false });
    const reader = this.#trailers;
    const outcome = reader.read(bytes, from);
    if (outcome !== 'complete') {
      if (held !== null) sink.onBody(held, false);
      this.fault = reader.fault;
      return bytes.length;
    }
    const trailers = parseTrailers(reader.bytes, reader.start, reader.end, this.#maxTrailerFields);
    if (!(trailers instanceof HeaderMap)) {
      if (held !== null) sink.onBody(held, false);
      this.fault = trailers;
      return bytes.length;
    }
    this.isDone = true;
    if (trailers.size === 0) {
      sink.onBody(held ?? empty, true);
      return reader.next;
    }
    if (held !== null) sink.onBody(held, false);
    sink.onTrailers(trailers);
    return reader.next;
  }
}

function slice(bytes: Buffer, start: number, end: number): Buffer {
  return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
}
