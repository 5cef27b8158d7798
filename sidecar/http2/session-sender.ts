import { Buffer } from 'node:buffer';
import { maxCopiedBytes } from './frame-writer.ts';
import { defaultFrameBytes, headerBytes } from './frames.ts';
import type { FieldLines } from './field-section.ts';
import type { SessionCore } from './session-core.ts';
import type { Http2Stream } from './stream.ts';

/** Largest DATA frame: what one stream sends before the next has its turn. */
const chunkBytes = defaultFrameBytes;
/** Output that is gathered before the connection is asked whether it wants more. */
const batchBytes = 64 * 1024;
/** How much more may wait of a stream whose data will be written at the end of this turn. */
const flowingFactor = 8;
const emptyBytes = Buffer.alloc(0);

/**
 * The sending half of a session. Heads are written at once, in the order of their encoding. A body is written at once too if
 * nothing waits and its windows allow for it; else it is queued, and streams with data and window take turns, a chunk each.
 */
export class SessionSender {
  readonly #core: SessionCore;
  /** Streams with data and window, in the order of their turns from `#ringAt` on. */
  #ring: Http2Stream[] = [];
  #ringAt = 0;
  /** The connection wants no more for now. */
  #isBlocked = false;
  #givenBytes = 0;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  get hasWork(): boolean {
    return this.#ringAt < this.#ring.length;
  }

  /** Sends the block that is in the encoder as HEADERS. */
  headers(stream: Http2Stream, end: boolean): void {
    const { encoder, writer, peer } = this.#core;
    const block = encoder.finish();
    if (stream.outputStart < 0) stream.outputStart = writer.producedBytes;
    stream.bytesSent += writer.headers(stream.id, block, end, peer.maxFrameBytes);
    this.#core.countFrame(false);
    if (!end) return;
    stream.isEndQueued = true;
    this.#finish(stream);
  }

  /** False: wait for `onWritable`. */
  data(stream: Http2Stream, bytes: Buffer, end: boolean): boolean {
    if (stream.isClosed || stream.isEndQueued) return true;
    stream.isEndQueued = end;
    if (bytes.length === 0 && !end) return true;
    if (bytes.length <= chunkBytes && this.#canWriteNow(stream, bytes.length)) {
      this.#write(stream, bytes, end);
      if (end) this.#finish(stream);
      return true;
    }
    if (stream.queuedBytes === 0) stream.progressAt = this.#core.now;
    if (bytes.length > 0) {
      (stream.queue ??= []).push(bytes);
      stream.queuedBytes += bytes.length;
      this.makeReady(stream);
    }
    if (stream.queuedBytes < this.#markOf(stream)) return true;
    stream.wantsWritable = true;
    return false;
  }

  /** The same for bytes that are only valid during the call. */
  relay(stream: Http2Stream, bytes: Buffer, end: boolean): boolean {
    const { length } = bytes;
    if (stream.isClosed || stream.isEndQueued) return true;
    if (!this.#canWriteNow(stream, length)) return this.data(stream, Buffer.from(bytes), end);
    if (length <= maxCopiedBytes) return this.data(stream, bytes, end);
    stream.isEndQueued = end;
    for (let at = 0; at < length; at += chunkBytes) {
      const next = Math.min(at + chunkBytes, length);
      this.#pass(stream, bytes.subarray(at, next), end && next === length);
    }
    if (end) this.#finish(stream);
    return true;
  }

  /** Ends the stream with trailers, behind what is queued. The lines must stay as they are. */
  trailers(stream: Http2Stream, fields: FieldLines): void {
    if (stream.isClosed || stream.isEndQueued) return;
    stream.isEndQueued = true;
    stream.trailers = fields;
    if (stream.queuedBytes === 0) this.#writeTrailers(stream, fields);
  }

  /** Gives the stream a turn, if it has data and window. */
  makeReady(stream: Http2Stream): void {
    if (stream.isReady || stream.queuedBytes === 0 || stream.sendWindow <= 0) return;
    stream.isReady = true;
    this.#ring.push(stream);
    this.#core.handler.onOutput();
  }

  onDrain(): void {
    this.#isBlocked = false;
    if (this.hasWork) this.#core.handler.onOutput();
  }

  /** Writes what there is: all frames that are ready, and chunks of data as long as windows and connection take them. */
  flush(): void {
    const core = this.#core;
    while (!this.#isBlocked && core.sendWindow > 0 && this.hasWork && !core.isOver) {
      const stream = this.#next();
      if (stream !== null) this.#takeTurn(stream);
      if (core.writer.producedBytes - this.#givenBytes >= batchBytes) this.#give();
    }
    this.#give();
    core.outbound.settle(core.writer.producedBytes, core.handler.bytesTaken);
  }

  #give(): void {
    const { writer, handler } = this.#core;
    if (writer.isEmpty) return;
    for (const segment of writer.take()) this.#isBlocked = !handler.write(segment);
    this.#givenBytes = writer.producedBytes;
  }

  #next(): Http2Stream | null {
    const stream = this.#ring[this.#ringAt++];
    if (this.#ringAt === this.#ring.length) {
      this.#ring = [];
      this.#ringAt = 0;
    } else if (this.#ringAt > 1024) {
      this.#ring.splice(0, this.#ringAt);
      this.#ringAt = 0;
    }
    if (stream === undefined) return null;
    stream.isReady = false;
    return stream.isClosed || stream.queuedBytes === 0 || stream.sendWindow <= 0 ? null : stream;
  }

  #takeTurn(stream: Http2Stream): void {
    const chunk = this.#dequeue(stream, Math.min(chunkBytes, stream.sendWindow, this.#core.sendWindow));
    const isDone = stream.queuedBytes === 0 && stream.isEndQueued;
    this.#write(stream, chunk, isDone && stream.trailers === null);
    if (isDone && stream.trailers !== null) {
      this.#writeTrailers(stream, stream.trailers);
    } else if (isDone) {
      this.#finish(stream);
    } else {
      this.makeReady(stream);
      if (!stream.wantsWritable || stream.queuedBytes * 2 > this.#core.options.maxStreamQueuedBytes) return;
      stream.wantsWritable = false;
      stream.events?.onWritable();
    }
  }

  /** At most `maxBytes` off the queue, of one buffer. */
  #dequeue(stream: Http2Stream, maxBytes: number): Buffer {
    const { queue } = stream;
    const first = queue?.[0] ?? emptyBytes;
    const start = stream.queueOffset;
    const end = Math.min(start + maxBytes, first.length);
    if (end === first.length) {
      queue?.shift();
      stream.queueOffset = 0;
    } else {
      stream.queueOffset = end;
    }
    stream.queuedBytes -= end - start;
    return start === 0 && end === first.length ? first : first.subarray(start, end);
  }

  /** What may wait of a stream. */
  #markOf({ queuedBytes, sendWindow }: Http2Stream): number {
    const isHeldUp = this.#isBlocked || sendWindow < queuedBytes || this.#core.sendWindow < queuedBytes;
    return this.#core.options.maxStreamQueuedBytes * (isHeldUp ? 1 : flowingFactor);
  }

  /** Nothing waits, neither of this stream nor of another, and windows and connection take it. */
  #canWriteNow(stream: Http2Stream, length: number): boolean {
    if (stream.queuedBytes > 0) return false;
    if (length === 0) return true;
    if (this.#isBlocked || this.hasWork) return false;
    return length <= stream.sendWindow && length <= this.#core.sendWindow;
  }

  #write(stream: Http2Stream, bytes: Buffer, end: boolean): void {
    this.#core.writer.data(stream.id, bytes, end);
    this.#charge(stream, bytes.length);
  }

  /** Writes a DATA frame behind all that was gathered, of bytes that are copied by the output. */
  #pass(stream: Http2Stream, bytes: Buffer, end: boolean): void {
    const { writer, handler } = this.#core;
    writer.dataHeader(stream.id, bytes.length, end);
    this.#give();
    this.#isBlocked = !handler.relay(bytes);
    this.#charge(stream, bytes.length);
  }

  /** A DATA frame was written. */
  #charge(stream: Http2Stream, length: number): void {
    const core = this.#core;
    stream.sendWindow -= length;
    core.sendWindow -= length;
    stream.bytesSent += length + headerBytes;
    stream.progressAt = core.now;
    core.guard.dataSent();
    core.countFrame(false);
  }

  #writeTrailers(stream: Http2Stream, fields: FieldLines): void {
    stream.trailers = null;
    if (fields.length === 0) {
      this.#write(stream, emptyBytes, true);
    } else {
      const { encoder, writer, peer } = this.#core;
      encoder.begin('trailers');
      const { texts, length, sensitive = null } = fields;
      for (let at = 0; at < 2 * length; at += 2) {
        const name = texts[at] ?? '';
        encoder.field(name, texts[at + 1] ?? '', sensitive !== null && sensitive.has(name));
      }
      stream.bytesSent += writer.headers(stream.id, encoder.finish(), true, peer.maxFrameBytes);
      this.#core.countFrame(false);
    }
    this.#finish(stream);
  }

  #finish(stream: Http2Stream): void {
    stream.isLocalEnded = true;
    stream.events?.onSent();
    this.#core.settle(stream);
  }
}
