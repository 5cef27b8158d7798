import { Buffer } from 'node:buffer';

/** Takes four DATA frames of HTTP/2 with their headers. */
const chunkBytes = 66 * 1024;
/** Smaller buffers are copied to a chunk that is open, so that all is one piece; behind larger ones begins a new one. */
const maxFilledBytes = 1024;
/** From here on relayed bytes go to chunks; a connection whose peer does not read holds one for them. */
const leastChunkedBytes = 8 * 1024;
/** Chunks of this worker that nobody uses: 2 MB at most. */
const maxIdleChunks = 32;

class Chunk {
  readonly buffer = Buffer.allocUnsafeSlow(chunkBytes);
  length = 0;
}

const idleChunks: Chunk[] = [];

/** What a connection writes at once. */
export class Output {
  readonly buffers: readonly Buffer[];
  readonly bytes: number;
  readonly #chunks: readonly Chunk[];

  constructor(buffers: readonly Buffer[], bytes: number, chunks: readonly Chunk[]) {
    this.buffers = buffers;
    this.bytes = bytes;
    this.#chunks = chunks;
  }

  /** It was written: its memory may be used again. */
  recycle(): void {
    for (const chunk of this.#chunks) {
      if (idleChunks.length === maxIdleChunks) return;
      chunk.length = 0;
      idleChunks.push(chunk);
    }
  }
}

const noChunks: Chunk[] = [];

/**
 * The output of one connection until it is written. Relayed bytes are gathered in chunks that all connections of a worker take turns
 * to use: a new buffer for each read of a tunnel was a full collection every few milliseconds, and 100 MB (docs/performance.md).
 */
export class OutputQueue {
  /** Octets that wait. */
  bytes = 0;
  #buffers: Buffer[] = [];
  /** Those whose octets are in `#buffers`. */
  #chunks: Chunk[] = noChunks;
  /** Takes more, behind all buffers. */
  #open: Chunk | null = null;

  /** Adds bytes that will not be changed. */
  push(bytes: Buffer): void {
    const { length } = bytes;
    if (this.#open !== null) {
      if (length <= maxFilledBytes && this.#open.length + length <= chunkBytes) {
        this.#fill(this.#open, bytes);
        return;
      }
      this.#seal(this.#open);
    }
    this.#buffers.push(bytes);
    this.bytes += length;
  }

  /** Adds a copy of bytes. */
  copy(bytes: Buffer): void {
    const { length } = bytes;
    if ((length < leastChunkedBytes && this.#open === null) || length > chunkBytes) {
      this.push(Buffer.from(bytes));
      return;
    }
    if (this.#open !== null && this.#open.length + length > chunkBytes) this.#seal(this.#open);
    this.#open ??= idleChunks.pop() ?? new Chunk();
    this.#fill(this.#open, bytes);
  }

  /** All that waits; then it is empty. */
  take(): Output {
    if (this.#open !== null) this.#seal(this.#open);
    const output = new Output(this.#buffers, this.bytes, this.#chunks);
    this.clear();
    return output;
  }

  /** Drops what waits. */
  clear(): void {
    this.#buffers = [];
    this.#chunks = noChunks;
    this.#open = null;
    this.bytes = 0;
  }

  #fill(chunk: Chunk, bytes: Buffer): void {
    bytes.copy(chunk.buffer, chunk.length);
    chunk.length += bytes.length;
    this.bytes += bytes.length;
  }

  #seal(chunk: Chunk): void {
    this.#buffers.push(chunk.buffer.subarray(0, chunk.length));
    if (this.#chunks === noChunks) this.#chunks = [chunk];
    else this.#chunks.push(chunk);
    this.#open = null;
  }
}
