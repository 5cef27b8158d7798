import { Buffer } from 'node:buffer';
import type { ConnectionHandler } from './transport.ts';

/** The connection whose input it is. */
export interface InputSource {
  readonly isClosed: boolean;
  /** Lets bytes come. */
  startReading(): void;
  /** Bytes that come all the same wait. */
  stopReading(): void;
  /** The handler was told that there is no more. */
  onEndTold?(): void;
}

/**
 * What a connection has received, on its way to the one handler: given out at once, or kept while there is no handler, while it is
 * paused, or while bytes that were put back are still to come. What waited is given out on a later turn, in order, the end last.
 */
export class HandlerInput {
  handler: ConnectionHandler | null = null;
  readonly #source: InputSource;
  /** Bytes that arrived while nobody took them, or were put back. */
  #waiting: Buffer[] = [];
  #hasEndWaiting = false;
  #isPaused = false;
  #isDeliveryScheduled = false;

  constructor(source: InputSource) {
    this.#source = source;
  }

  /** Nothing waits, the end neither. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0 && !this.#hasEndWaiting;
  }

  setHandler(handler: ConnectionHandler): void {
    this.handler = handler;
    this.#isPaused = false;
    this.#readOn();
  }

  /** Puts bytes back in front of the rest. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#waiting.unshift(Buffer.from(bytes));
    this.#source.stopReading();
    this.#readOn();
  }

  pause(): void {
    this.#isPaused = true;
    this.#source.stopReading();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#readOn();
  }

  /** Bytes that arrived; they are handled or copied when this returns. */
  receive(bytes: Buffer): void {
    if (this.handler === null || this.#isPaused || this.#waiting.length > 0) {
      this.#waiting.push(Buffer.from(bytes));
      this.#source.stopReading();
    } else {
      this.handler.onData(bytes);
    }
  }

  /** The end arrived: told at once if nothing is in front of it. */
  receiveEnd(): void {
    if (this.handler === null || this.#isPaused || this.#waiting.length > 0) this.#hasEndWaiting = true;
    else this.handler.onEnd();
  }

  /** The end arrived, and is told on a later turn. */
  receiveEndLater(): void {
    this.#hasEndWaiting = true;
    this.#readOn();
  }

  /** Drops what waits. */
  clear(): void {
    this.#waiting = [];
  }

  /** Reads on from the source, once what waits was delivered. */
  #readOn(): void {
    if (this.#source.isClosed || this.handler === null || this.#isPaused) return;
    if (this.isEmpty) {
      this.#source.startReading();
    } else if (!this.#isDeliveryScheduled) {
      this.#isDeliveryScheduled = true;
      setImmediate(() => this.#deliver());
    }
  }

  #deliver(): void {
    this.#isDeliveryScheduled = false;
    const { handler } = this;
    while (!this.#source.isClosed && !this.#isPaused && this.handler === handler) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) break;
      handler?.onData(bytes);
    }
    if (this.#source.isClosed || this.#isPaused || this.handler === null) return;
    if (this.#waiting.length > 0 || !this.#hasEndWaiting) return this.#readOn();
    this.#hasEndWaiting = false;
    this.handler.onEnd();
    this.#source.onEndTold?.();
  }
}
