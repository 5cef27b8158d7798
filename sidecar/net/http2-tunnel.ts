import { Buffer } from 'node:buffer';
import { errorCode, errorName } from '../http2/frames.ts';
import { describeFault } from '../http2/protocol-error.ts';
import type { Session } from '../http2/session.ts';
import type { Http2Stream, StreamEvents, StreamFailure } from '../http2/stream.ts';
import type { Connection, ConnectionHandler, TlsFacts } from '../transport/transport.ts';

const emptyBytes = Buffer.alloc(0);

/** The bytes inside of a CONNECT stream, as a connection of their own (RFC 9113 8.5). */
export class Http2Tunnel implements Connection, StreamEvents {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localName: string;
  readonly remoteName: string;
  readonly tls: TlsFacts | null;
  bytesRead = 0;
  isClosed = false;
  readonly #session: Session;
  readonly #stream: Http2Stream;
  #handler: ConnectionHandler | null = null;
  #waiting: Buffer[] = [];
  #hasEndWaiting = false;
  #isPaused = false;
  #isEnding = false;
  #isDeliveryScheduled = false;
  #writtenBytes = 0;

  /** Takes over a stream whose head was answered. */
  constructor(carrier: Connection, session: Session, stream: Http2Stream) {
    this.localAddress = carrier.localAddress;
    this.localPort = carrier.localPort;
    this.remoteAddress = carrier.remoteAddress;
    this.remotePort = carrier.remotePort;
    this.localName = carrier.localName;
    this.remoteName = carrier.remoteName;
    this.tls = carrier.tls;
    this.#session = session;
    this.#stream = stream;
    session.pause(stream);
  }

  get bytesWritten(): number {
    return this.#writtenBytes - this.#stream.queuedBytes;
  }

  get bytesQueued(): number {
    return this.#stream.queuedBytes;
  }

  setHandler(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#isPaused = false;
    this.#readOn();
  }

  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#waiting.unshift(Buffer.from(bytes));
    this.#session.pause(this.#stream);
    this.#readOn();
  }

  write(bytes: Buffer): boolean {
    if (this.isClosed || this.#isEnding) return false;
    this.#writtenBytes += bytes.length;
    return this.#session.sendData(this.#stream, bytes, false);
  }

  relay(bytes: Buffer): boolean {
    return this.write(this.#session.copies(this.#stream, bytes) ? bytes : Buffer.from(bytes));
  }

  pause(): void {
    this.#isPaused = true;
    this.#session.pause(this.#stream);
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#readOn();
  }

  end(): void {
    if (this.isClosed || this.#isEnding) return;
    this.#isEnding = true;
    this.#session.sendData(this.#stream, emptyBytes, true);
    this.#closeIfDone();
  }

  destroy(error?: Error): void {
    this.#drop(errorCode.cancel, error ?? null);
  }

  reset(): void {
    this.#drop(errorCode.connectError, null);
  }

  onHead(): void {}

  onData(bytes: Buffer, end: boolean): void {
    if (this.isClosed) return;
    this.bytesRead += bytes.length;
    this.#hasEndWaiting = end;
    if (bytes.length > 0) {
      if (this.#handler === null || this.#isPaused || this.#waiting.length > 0) this.#waiting.push(Buffer.from(bytes));
      else this.#handler.onData(bytes);
    }
    if (end) this.#readOn();
  }

  onTrailers(): void {
    this.onData(emptyBytes, true);
  }

  onWritable(): void {
    if (!this.isClosed) this.#handler?.onDrain();
  }

  onSent(): void {
    this.#closeIfDone();
  }

  onFailure(failure: StreamFailure): void {
    this.#finish(new Error(describeFailure(failure)));
  }

  #readOn(): void {
    if (this.isClosed || this.#handler === null || this.#isPaused) return;
    if (this.#waiting.length === 0 && !this.#hasEndWaiting) {
      this.#session.resume(this.#stream);
    } else if (!this.#isDeliveryScheduled) {
      this.#isDeliveryScheduled = true;
      setImmediate(() => this.#deliver());
    }
  }

  #deliver(): void {
    this.#isDeliveryScheduled = false;
    const handler = this.#handler;
    while (!this.isClosed && !this.#isPaused && this.#handler === handler) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) break;
      handler?.onData(bytes);
    }
    if (this.isClosed || this.#isPaused || this.#handler === null) return;
    if (this.#waiting.length === 0 && this.#hasEndWaiting) {
      this.#hasEndWaiting = false;
      this.#handler.onEnd();
      this.#closeIfDone();
    } else {
      this.#readOn();
    }
  }

  /** Both sides have ended, and all was given out: gone in an orderly way. */
  #closeIfDone(): void {
    const isRead = this.#stream.isRemoteEnded && !this.#hasEndWaiting && !this.#stream.isHolding;
    if (isRead && this.#waiting.length === 0 && this.#stream.isLocalEnded) this.#finish(null);
  }

  #drop(code: number, error: Error | null): void {
    if (this.isClosed) return;
    this.#session.reset(this.#stream, code);
    this.#finish(error);
  }

  #finish(error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#waiting = [];
    // Not within a call of the handler's own.
    setImmediate(() => {
      const handler = this.#handler;
      this.#handler = null;
      handler?.onClose(error);
    });
  }
}

function describeFailure(failure: StreamFailure): string {
  if (failure.kind === 'reset') return `RST_STREAM ${errorName(failure.code)}`;
  return failure.kind === 'fault' ? describeFault(failure.fault) : `the stream ended: ${failure.kind}`;
}
