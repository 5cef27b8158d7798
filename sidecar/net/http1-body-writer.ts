import { Buffer } from 'node:buffer';
import assert from 'node:assert/strict';
import { sharedWriter } from '../http1/byte-writer.ts';
import { chunkEnd, encodeChunkLine, lastChunk } from '../http1/chunked.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { WrittenFraming } from '../http1/head-writer.ts';
import { encodeTrailers } from '../http1/trailers.ts';
import type { Connection } from '../transport/transport.ts';

/** Chunks up to this size are copied together with their framing: one buffer to write instead of three. */
const maxCopiedBytes = 8 * 1024;

/** Writes the body of one message in the framing that its head announced. Owned by its stream. */
export class Http1BodyWriter {
  /** Bytes written to the connection, framing included. */
  bytesSent = 0;
  readonly #connection: Connection;
  readonly #framing: WrittenFraming | 'tunnel';
  #remaining: number;

  /** `length`: of a body framed by length. */
  constructor(connection: Connection, framing: WrittenFraming | 'tunnel', length: number) {
    this.#connection = connection;
    this.#framing = framing;
    this.#remaining = framing === 'length' ? length : 0;
  }

  /** Whether the body has all the bytes that were announced. */
  get isWhole(): boolean {
    return this.#remaining === 0;
  }

  /** `isLent`: the bytes are only valid during the call. False: the connection wants no more for now. What must have no body drops it. */
  write(bytes: Buffer, end: boolean, isLent: boolean): boolean {
    switch (this.#framing) {
      case 'none':
      case 'asDeclared':
        return true;
      case 'chunked':
        return this.#writeChunk(bytes, end, isLent);
      case 'length':
        assert(bytes.length <= this.#remaining, 'more body than its content-length');
        this.#remaining -= bytes.length;
        return this.#send(bytes, isLent);
      case 'untilClose':
      case 'tunnel':
        return this.#send(bytes, isLent);
    }
  }

  /** Ends the body with trailers where its framing can carry them. */
  writeTrailers(trailers: HeaderMap): void {
    if (this.#framing === 'chunked') this.#send(encodeTrailers(sharedWriter, trailers), false);
  }

  #writeChunk(bytes: Buffer, end: boolean, isLent: boolean): boolean {
    const size = bytes.length;
    if (size > maxCopiedBytes) {
      this.#send(encodeChunkLine(size), false);
      this.#send(bytes, isLent);
      return this.#send(end ? Buffer.concat([chunkEnd, lastChunk]) : chunkEnd, false);
    }
    if (size === 0) return end ? this.#send(lastChunk, false) : true;
    sharedWriter.begin(size + 32);
    sharedWriter.literal(size.toString(16));
    sharedWriter.octets(0x0d, 0x0a);
    sharedWriter.bytes(bytes, 0, size);
    sharedWriter.literal(end ? '\r\n0\r\n\r\n' : '\r\n');
    return this.#send(sharedWriter.finish(), false);
  }

  #send(bytes: Buffer, isLent: boolean): boolean {
    this.bytesSent += bytes.length;
    return isLent ? this.#connection.relay(bytes) : this.#connection.write(bytes);
  }
}
