import { Buffer } from 'node:buffer';
import {
  connectionPreface,
  defaultFrameBytes,
  frameFlag,
  frameType,
  headerBytes,
  maxInt31,
  readUint32,
} from './frames.ts';
import { faults, type Http2Fault } from './protocol-error.ts';

/** Who takes the frames. A fault that is returned ends the connection; the reader's fields say which frame it is about. */
export interface FrameSink {
  /** A frame header was read; its payload follows. */
  onFrameHeader(): Http2Fault | null;
  /** A whole frame of any type but DATA. */
  onFrame(bytes: Buffer, start: number, end: number): Http2Fault | null;
  /** Content of the DATA frame, as it comes. `isLast`: the content of this frame is complete; then it may be empty. */
  onData(bytes: Buffer, start: number, end: number, isLast: boolean): Http2Fault | null;
}

/**
 * From bytes to frames (RFC 9113 4.1), in place: the payload of DATA is passed on as it comes, any other frame that a read
 * cuts is kept in a buffer of its own until it is whole.
 */
export class FrameReader {
  /** Of the current frame. */
  type = 0;
  flags = 0;
  streamId = 0;
  /** Of its payload, padding included. */
  length = 0;
  readonly #sink: FrameSink;
  #prefaceBytes: number;
  /** The frame that a read cut: its header, and its payload once the header is whole. */
  #partial: Buffer | null = null;
  #partialLength = 0;
  /** Of the DATA frame under way: payload to come, and how much of it is padding. */
  #dataBytes = 0;
  #paddingBytes = 0;
  #isPaddingNext = false;

  /** `hasPreface`: the peer is a client. */
  constructor(sink: FrameSink, hasPreface: boolean) {
    this.#sink = sink;
    this.#prefaceBytes = hasPreface ? 0 : connectionPreface.length;
  }

  /** Within the preface or a frame that is not DATA. */
  get isUnfinished(): boolean {
    return this.#partial !== null || this.#prefaceBytes < connectionPreface.length;
  }

  /** Reads all of `bytes`, or up to a fault. */
  read(bytes: Buffer): Http2Fault | null {
    const end = bytes.length;
    let at = this.#prefaceBytes < connectionPreface.length ? this.#readPreface(bytes) : 0;
    if (at < 0) return faults.preface;
    while (at < end) {
      let fault: Http2Fault | null = null;
      if (this.#dataBytes > 0) {
        const next = this.#dataEnd(bytes, at);
        fault = this.#readData(bytes, at, next);
        at = next;
      } else if (this.#partial !== null) {
        const wanted = Math.min(this.#partial.length - this.#partialLength, end - at);
        fault = this.#fill(this.#partial, bytes.subarray(at, at + wanted));
        at += wanted;
      } else if (end - at < headerBytes) {
        this.#keep(headerBytes, bytes, at);
        return null;
      } else {
        fault = this.#readHeader(bytes, at);
        const frameEnd = at + headerBytes + this.length;
        if (this.type === frameType.data) {
          at += headerBytes;
        } else if (fault === null && frameEnd > end) {
          this.#keep(frameEnd - at, bytes, at);
          return null;
        } else {
          fault ??= this.#sink.onFrame(bytes, at + headerBytes, frameEnd);
          at = frameEnd;
        }
      }
      if (fault !== null) return fault;
    }
    return null;
  }

  /** Where the bytes behind it start; -1: it is something else. */
  #readPreface(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && this.#prefaceBytes < connectionPreface.length) {
      if (bytes[at++] !== connectionPreface[this.#prefaceBytes++]) return -1;
    }
    return at;
  }

  #readHeader(bytes: Buffer, at: number): Http2Fault | null {
    this.length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    this.type = bytes[at + 3] ?? 0;
    this.flags = bytes[at + 4] ?? 0;
    this.streamId = readUint32(bytes, at + 5) & maxInt31;
    if (this.length > defaultFrameBytes) return faults.frameSize;
    const fault = this.#sink.onFrameHeader();
    return fault === null && this.type === frameType.data ? this.#beginData(bytes, at) : fault;
  }

  #beginData(bytes: Buffer, at: number): Http2Fault | null {
    this.#paddingBytes = 0;
    this.#dataBytes = this.length;
    this.#isPaddingNext = (this.flags & frameFlag.padded) !== 0;
    if (this.length > 0) return null;
    return this.#isPaddingNext ? faults.padding : this.#sink.onData(bytes, at, at, true);
  }

  /** How far the DATA frame reaches in `bytes`; of a padded one first its pad length alone. */
  #dataEnd(bytes: Buffer, at: number): number {
    return this.#isPaddingNext ? at + 1 : Math.min(at + this.#dataBytes, bytes.length);
  }

  #readData(bytes: Buffer, at: number, end: number): Http2Fault | null {
    const contentBytes = this.#dataBytes - this.#paddingBytes;
    this.#dataBytes -= end - at;
    if (this.#isPaddingNext) {
      this.#isPaddingNext = false;
      this.#paddingBytes = bytes[at] ?? 0;
      if (this.#paddingBytes > this.#dataBytes) return faults.padding;
      return this.#paddingBytes === this.#dataBytes ? this.#sink.onData(bytes, end, end, true) : null;
    }
    if (contentBytes <= 0) return null;
    const contentEnd = Math.min(at + contentBytes, end);
    return this.#sink.onData(bytes, at, contentEnd, contentEnd - at === contentBytes);
  }

  /** Keeps what came of a frame of which `length` octets are known to come. */
  #keep(length: number, bytes: Buffer, at: number): void {
    this.#partial = Buffer.allocUnsafe(length);
    this.#partialLength = bytes.copy(this.#partial, 0, at);
  }

  #fill(partial: Buffer, bytes: Buffer): Http2Fault | null {
    this.#partialLength += bytes.copy(partial, this.#partialLength);
    if (this.#partialLength < partial.length) return null;
    const isHeader = partial.length === headerBytes;
    if (isHeader) {
      const fault = this.#readHeader(partial, 0);
      if (fault !== null || this.type === frameType.data) {
        this.#partial = null;
        return fault;
      }
      if (this.length > 0) {
        this.#keep(headerBytes + this.length, partial, 0);
        return null;
      }
    }
    this.#partial = null;
    return this.#sink.onFrame(partial, headerBytes, partial.length);
  }
}
