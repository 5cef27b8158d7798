import { Buffer } from 'node:buffer';
import { frameFlag, frameType, headerBytes, maxInt31 } from './frames.ts';

const slabBytes = 16 * 1024;
/** Longer payloads are passed on as they are; shorter ones are copied behind their frame header. */
export const maxCopiedBytes = 4096;

/** Below this, copying octet by octet beats the call (as in `ByteWriter`). */
const loopBytes = 32;

/** The slab of this worker, up to where it is used, and by whom at its end. */
const shared: { slab: Buffer; position: number; lastWriter: FrameWriter | null } = {
  slab: Buffer.allocUnsafeSlow(slabBytes),
  position: 0,
  lastWriter: null,
};

/**
 * Gathers the frames of one connection until they are taken, once a loop turn. All writers of a worker share a slab of memory:
 * an idle connection has none, and what was taken is not touched again. Lengths are octets.
 */
export class FrameWriter {
  /** Octets of all frames so far. */
  producedBytes = 0;
  #segments: Buffer[] = [];
  /** Where the open segment is, if its slab is not null. */
  #slab: Buffer | null = null;
  #start = 0;
  #end = 0;

  get isEmpty(): boolean {
    return this.#slab === null && this.#segments.length === 0;
  }

  /** What was written since the last call, in order. */
  take(): readonly Buffer[] {
    this.#cut();
    if (shared.lastWriter === this) shared.lastWriter = null;
    const segments = this.#segments;
    this.#segments = [];
    return segments;
  }

  /** Octets without a frame: the preface. */
  raw(bytes: Buffer): void {
    this.#reserve(bytes.length);
    this.#copy(bytes, 0, bytes.length);
  }

  settings(payload: Buffer): void {
    this.#header(payload.length, frameType.settings, 0, 0);
    this.#copy(payload, 0, payload.length);
  }

  settingsAck(): void {
    this.#header(0, frameType.settings, frameFlag.ack, 0);
  }

  ping(bytes: Uint8Array, start: number, isAck: boolean): void {
    this.#header(8, frameType.ping, isAck ? frameFlag.ack : 0, 0);
    this.#copy(bytes, start, start + 8);
  }

  resetStream(streamId: number, code: number): void {
    this.#header(4, frameType.rstStream, 0, streamId);
    this.#uint32(code);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#header(4, frameType.windowUpdate, 0, streamId);
    this.#uint32(increment);
  }

  goaway(lastStreamId: number, code: number, debug: string): void {
    const text = Buffer.from(debug, 'latin1');
    this.#header(8 + text.length, frameType.goaway, 0, 0);
    this.#uint32(lastStreamId & maxInt31);
    this.#uint32(code);
    this.#copy(text, 0, text.length);
  }

  /** A header block as HEADERS, and CONTINUATION if it is above `maxFrameBytes`. Returns the octets with frame headers. */
  headers(streamId: number, block: Buffer, end: boolean, maxFrameBytes: number): number {
    const before = this.producedBytes;
    const endStream = end ? frameFlag.endStream : 0;
    let at = Math.min(block.length, maxFrameBytes);
    const isWhole = at === block.length;
    this.#header(at, frameType.headers, endStream | (isWhole ? frameFlag.endHeaders : 0), streamId);
    this.#copy(block, 0, at);
    while (at < block.length) {
      const next = Math.min(at + maxFrameBytes, block.length);
      const flags = next === block.length ? frameFlag.endHeaders : 0;
      this.#header(next - at, frameType.continuation, flags, streamId);
      this.#copy(block, at, next);
      at = next;
    }
    return this.producedBytes - before;
  }

  /** One DATA frame of `bytes`, which must not be changed afterwards. */
  data(streamId: number, bytes: Buffer, end: boolean): void {
    const { length } = bytes;
    if (length <= maxCopiedBytes) {
      this.#header(length, frameType.data, end ? frameFlag.endStream : 0, streamId);
      this.#copy(bytes, 0, length);
      return;
    }
    this.dataHeader(streamId, length, end);
    this.#cut();
    this.#segments.push(bytes);
  }

  /** The header of a DATA frame whose payload of `length` octets is passed on behind it by somebody else; it counts here. */
  dataHeader(streamId: number, length: number, end: boolean): void {
    this.#reserve(headerBytes);
    this.#writeHeader(length, frameType.data, end ? frameFlag.endStream : 0, streamId);
    this.producedBytes += length;
  }

  /** A frame header, and room for the payload behind it. */
  #header(length: number, type: number, flags: number, streamId: number): void {
    this.#reserve(headerBytes + length);
    this.#writeHeader(length, type, flags, streamId);
  }

  #writeHeader(length: number, type: number, flags: number, streamId: number): void {
    const { slab, position: at } = shared;
    slab[at] = length >>> 16;
    slab[at + 1] = length >>> 8;
    slab[at + 2] = length;
    slab[at + 3] = type;
    slab[at + 4] = flags;
    slab[at + 5] = streamId >>> 24;
    slab[at + 6] = streamId >>> 16;
    slab[at + 7] = streamId >>> 8;
    slab[at + 8] = streamId;
    this.#advance(headerBytes);
  }

  #uint32(value: number): void {
    const { slab, position: at } = shared;
    slab[at] = value >>> 24;
    slab[at + 1] = value >>> 16;
    slab[at + 2] = value >>> 8;
    slab[at + 3] = value;
    this.#advance(4);
  }

  #copy(bytes: Uint8Array, start: number, end: number): void {
    const { slab, position } = shared;
    if (end - start > loopBytes) {
      slab.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), position);
    } else {
      for (let i = start; i < end; i++) slab[position + i - start] = bytes[i] ?? 0;
    }
    this.#advance(end - start);
  }

  #advance(length: number): void {
    shared.position += length;
    this.#end = shared.position;
    this.producedBytes += length;
  }

  /** Makes room for `length` octets behind the open segment, or in a new one. */
  #reserve(length: number): void {
    if (shared.lastWriter === this && this.#slab === shared.slab && shared.position + length <= shared.slab.length)
      return;
    this.#cut();
    if (shared.position + length > shared.slab.length) {
      shared.slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, length));
      shared.position = 0;
    }
    shared.lastWriter = this;
    this.#slab = shared.slab;
    this.#start = shared.position;
    this.#end = shared.position;
  }

  #cut(): void {
    if (this.#slab !== null && this.#end > this.#start)
      this.#segments.push(this.#slab.subarray(this.#start, this.#end));
    this.#slab = null;
  }
}
