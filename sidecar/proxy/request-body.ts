import { Buffer } from 'node:buffer';
import type { HeaderMap } from '../http1/header-map.ts';
import type { ClientStream } from '../net/http-stream.ts';

/** Of all bodies that hold nothing: never written to. */
const noChunks: Buffer[] = [];

const defaultLimitBytes = 1_048_576;

/**
 * The body of one request on its way upstream: passed on as it comes, and kept (up to a limit) as long as it may be needed again
 * for a retry or a mirror. Owned by its exchange.
 */
export class RequestBody {
  readonly #limitBytes: number;
  #chunks: Buffer[] = noChunks;
  #keptBytes = 0;
  #isKept = true;
  #hasEnded: boolean;
  #trailers: HeaderMap | null = null;
  #receivedBytes = 0;
  /** Who waits for the end; null: nobody. */
  #onWhole: ((chunks: readonly Buffer[]) => void)[] | null = null;

  /** `limitBytes`: how much is kept (Envoy: the connection's buffer limit). */
  constructor(hasEnded: boolean, limitBytes = defaultLimitBytes) {
    this.#hasEnded = hasEnded;
    this.#limitBytes = limitBytes;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Whether everything so far is still there to be sent again. */
  get isWhole(): boolean {
    return this.#isKept;
  }

  /** Bytes that wait or are kept. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Takes bytes from downstream; passes them to `stream` if there is one. False: it wants no more for now. */
  receive(bytes: Buffer, end: boolean, stream: ClientStream | null): boolean {
    this.#receivedBytes += bytes.length;
    this.#hasEnded = end;
    const owned = bytes.length === 0 ? bytes : Buffer.from(bytes);
    if (this.#isKept && owned.length > 0) {
      if (this.#keptBytes === 0) this.#chunks = [owned];
      else this.#chunks.push(owned);
      this.#keptBytes += owned.length;
    }
    if (this.#isKept) this.#tellWhole();
    if (stream === null) return this.#keptBytes < this.#limitBytes;
    if (this.#keptBytes > this.#limitBytes) this.#drop();
    return stream.sendData(owned, end);
  }

  receiveTrailers(trailers: HeaderMap, stream: ClientStream | null): void {
    this.#hasEnded = true;
    this.#trailers = trailers;
    if (this.#isKept) this.#tellWhole();
    stream?.sendTrailers(trailers);
  }

  /** Sends what has come so far, after the head was sent with `endsWithHead` as end. */
  replay(stream: ClientStream): boolean {
    if (this.endsWithHead) return true;
    let isWritable = true;
    this.#chunks.forEach((chunk, index) => {
      const isLast = this.#hasEnded && this.#trailers === null && index === this.#chunks.length - 1;
      isWritable = stream.sendData(chunk, isLast) && isWritable;
    });
    if (this.#trailers !== null) stream.sendTrailers(this.#trailers);
    if (this.#keptBytes > this.#limitBytes) this.#drop();
    return isWritable;
  }

  /** The request has no body at all. */
  get endsWithHead(): boolean {
    return this.#hasEnded && this.#receivedBytes === 0 && this.#trailers === null;
  }

  /** Calls back with the whole body once it is here; never, if it is too long to be kept. */
  whenWhole(callback: (chunks: readonly Buffer[]) => void): void {
    if (this.#hasEnded) callback(this.#chunks);
    else (this.#onWhole ??= []).push(callback);
  }

  #tellWhole(): void {
    const waiting = this.#onWhole;
    if (!this.#hasEnded || waiting === null) return;
    this.#onWhole = null;
    for (const callback of waiting) callback(this.#chunks);
  }

  /** No retry will need it; a mirror that waits for the rest still may. */
  forget(): void {
    if (this.#onWhole === null) this.#drop();
  }

  /** Too long: nothing will be sent again, and no mirror gets it. */
  #drop(): void {
    this.#onWhole = null;
    this.#isKept = false;
    this.#chunks = noChunks;
    this.#keptBytes = 0;
  }
}
