import { Buffer } from 'node:buffer';
import { errorCode, errorName } from '../http2/frames.ts';
import { describeFault } from '../http2/protocol-error.ts';
import type { Session } from '../http2/session.ts';
import type { Http2Stream, StreamEvents, StreamFailure } from '../http2/stream.ts';
import { HandlerInput, type InputSource } from '../transport/handler-input.ts';
import type { Connection, ConnectionHandler, TlsFacts } from '../transport/transport.ts';

const emptyBytes = Buffer.alloc(0);

/** The bytes inside of a CONNECT stream, as a connection of their own (RFC 9113 8.5). */
export class Http2Tunnel implements Connection, StreamEvents, InputSource {
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
  readonly #input = new HandlerInput(this);
  #isEnding = false;
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
    this.#input.setHandler(handler);
  }

  unread(bytes: Buffer): void {
    this.#input.unread(bytes);
  }

  write(bytes: Buffer): boolean {
    if (this.isClosed || this.#isEnding) return false;
    this.#writtenBytes += bytes.length;
    return this.#session.sendData(this.#stream, bytes, false);
  }

  relay(bytes: Buffer): boolean {
    if (this.isClosed || this.#isEnding) return false;
    this.#writtenBytes += bytes.length;
    return this.#session.relayData(this.#stream, bytes, false);
  }

  pause(): void {
    this.#input.pause();
  }

  resume(): void {
    this.#input.resume();
  }

  startReading(): void {
    this.#session.resume(this.#stream);
  }

  stopReading(): void {
    this.#session.pause(this.#stream);
  }

  onEndTold(): void {
    this.#closeIfDone();
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
    // Told behind the bytes, but known before them: their handler may end our side.
    if (end) this.#input.receiveEndLater();
    if (bytes.length > 0) this.#input.receive(bytes);
  }

  onTrailers(): void {
    this.onData(emptyBytes, true);
  }

  onWritable(): void {
    if (!this.isClosed) this.#input.handler?.onDrain();
  }

  onSent(): void {
    this.#closeIfDone();
  }

  onFailure(failure: StreamFailure): void {
    this.#finish(new Error(describeFailure(failure)));
  }

  /** Both sides have ended, and all was given out: gone in an orderly way. */
  #closeIfDone(): void {
    const isRead = this.#stream.isRemoteEnded && this.#input.isEmpty && !this.#stream.isHolding;
    if (isRead && this.#stream.isLocalEnded) this.#finish(null);
  }

  #drop(code: number, error: Error | null): void {
    if (this.isClosed) return;
    this.#session.reset(this.#stream, code);
    this.#finish(error);
  }

  #finish(error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#input.clear();
    // Not within a call of the handler's own.
    setImmediate(() => {
      const { handler } = this.#input;
      this.#input.handler = null;
      handler?.onClose(error);
    });
  }
}

function describeFailure(failure: StreamFailure): string {
  if (failure.kind === 'reset') return `RST_STREAM ${errorName(failure.code)}`;
  return failure.kind === 'fault' ? describeFault(failure.fault) : `the stream ended: ${failure.kind}`;
}
