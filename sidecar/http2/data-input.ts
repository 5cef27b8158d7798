import { Buffer } from 'node:buffer';
import { frameFlag, headerBytes } from './frames.ts';
import type { FrameReader } from './frame-reader.ts';
import { faults, type Http2Fault } from './protocol-error.ts';
import type { SessionCore } from './session-core.ts';
import type { Http2Stream } from './stream.ts';

const emptyBytes = Buffer.alloc(0);

/**
 * DATA: flow control, content-length, and what a paused consumer does not want yet. Windows are charged when a frame begins, and
 * open again by what the consumer took: while it pauses, what comes (a window at most) is held.
 */
export class DataInput {
  readonly #core: SessionCore;
  readonly #reader: FrameReader;
  /** Of the frame under way; null: its content is of no use. */
  #stream: Http2Stream | null = null;
  /** Octets of the frame that were not given out. */
  #frameBytes = 0;
  #resuming: Http2Stream[] = [];

  constructor(core: SessionCore, reader: FrameReader) {
    this.#core = core;
    this.#reader = reader;
  }

  get hasWork(): boolean {
    return this.#resuming.length > 0;
  }

  begin(): Http2Fault | null {
    const core = this.#core;
    const { streamId, length, flags } = this.#reader;
    this.#stream = null;
    if (!core.window.receive(length)) return faults.connectionWindowExceeded;
    const flood = core.guard.frame(length === 0 && (flags & frameFlag.endStream) === 0);
    if (flood !== null) return flood;
    const stream = core.streams.open.get(streamId);
    if (stream === undefined) return this.#onClosed(streamId, length);
    stream.bytesReceived += headerBytes + length;
    if (stream.isRemoteEnded) return this.#fail(stream, faults.halfClosed, length);
    if (!stream.hasHead) return this.#fail(stream, faults.dataBeforeHead, length);
    if (!stream.window.receive(length)) return this.#fail(stream, faults.streamWindowExceeded, length);
    this.#stream = stream;
    this.#frameBytes = length;
    return null;
  }

  content(bytes: Buffer, start: number, end: number, isLast: boolean): Http2Fault | null {
    const stream = this.#stream;
    if (stream === null) return null;
    const length = end - start;
    this.#frameBytes -= length;
    if (stream.isClosed) {
      this.#stream = null;
      this.#core.release(null, this.#frameBytes + length);
      return null;
    }
    const isEnd = isLast && (this.#reader.flags & frameFlag.endStream) !== 0;
    if (stream.bytesLeft >= 0) {
      stream.bytesLeft -= length;
      if (stream.bytesLeft < 0 || (isEnd && stream.bytesLeft > 0)) {
        return this.#fail(stream, faults.lengthDiffers, this.#frameBytes + length);
      }
    }
    stream.isRemoteEnded = isEnd;
    if (isLast) {
      this.#stream = null;
      // Padding, that nobody takes.
      this.#core.release(stream, this.#frameBytes);
    }
    if (length > 0 || isEnd) this.#deliver(stream, bytes, start, end);
    return null;
  }

  pause(stream: Http2Stream): void {
    stream.isPaused = true;
  }

  /** What was held is given out by the next {@link flush}. */
  resume(stream: Http2Stream): void {
    if (!stream.isPaused) return;
    stream.isPaused = false;
    const bytes = stream.unreleasedBytes;
    stream.unreleasedBytes = 0;
    if (!stream.isClosed) this.#core.release(stream, bytes);
    if (!stream.isHolding || stream.isResuming) return;
    stream.isResuming = true;
    this.#resuming.push(stream);
    this.#core.handler.onOutput();
  }

  /** Gives out what was held of streams that were resumed. */
  flush(): void {
    if (this.#resuming.length === 0) return;
    const due = this.#resuming;
    this.#resuming = [];
    for (const stream of due) {
      stream.isResuming = false;
      this.#giveHeld(stream);
    }
  }

  #giveHeld(stream: Http2Stream): void {
    while (stream.held !== null && !stream.isPaused && !stream.isClosed) {
      const bytes = stream.held.shift() ?? emptyBytes;
      if (stream.held.length === 0) stream.held = null;
      const isEnd = stream.held === null && stream.isEndHeld;
      if (isEnd) stream.isEndHeld = false;
      this.#give(stream, bytes, isEnd);
    }
    if (stream.isPaused || stream.isClosed || stream.heldTrailers === null) return;
    const trailers = stream.heldTrailers;
    stream.heldTrailers = null;
    stream.events?.onTrailers(trailers);
    this.#core.settle(stream);
  }

  #deliver(stream: Http2Stream, bytes: Buffer, start: number, end: number): void {
    if (stream.isPaused || stream.held !== null) {
      (stream.held ??= []).push(Buffer.from(bytes.subarray(start, end)));
      stream.isEndHeld = stream.isRemoteEnded;
    } else {
      this.#give(stream, bytes.subarray(start, end), stream.isRemoteEnded);
    }
  }

  /** The consumer may pause, and close, within the call. */
  #give(stream: Http2Stream, bytes: Buffer, isEnd: boolean): void {
    stream.events?.onData(bytes, isEnd);
    if (stream.isPaused && !stream.isClosed) stream.unreleasedBytes += bytes.length;
    else this.#core.release(stream, bytes.length);
    if (isEnd) this.#core.settle(stream);
  }

  #fail(stream: Http2Stream, fault: Http2Fault, bytes: number): Http2Fault | null {
    this.#stream = null;
    this.#core.release(null, bytes);
    return this.#core.failStream(stream, fault);
  }

  #onClosed(streamId: number, length: number): Http2Fault | null {
    const { streams, guard } = this.#core;
    const state = streams.stateOf(streamId);
    if (state === 'idle') return faults.idleStream;
    if (state === 'closed' || (state === 'unknown' && !streams.hasForgotten)) return faults.closedStream;
    this.#core.release(null, length);
    return guard.stray();
  }
}
