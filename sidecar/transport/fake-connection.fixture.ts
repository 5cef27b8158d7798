import type { Connection, ConnectionHandler, TlsFacts } from './transport.ts';

/** A connection without a socket: the test plays the peer and the operating system. What is written counts as written at once. */
export class FakeConnection implements Connection {
  readonly localAddress = '127.0.0.1';
  readonly localPort = 80;
  readonly remoteAddress = '127.0.0.2';
  readonly remotePort = 40_000;
  readonly localName = '127.0.0.1:80';
  readonly remoteName = '127.0.0.2:40000';
  readonly tls: TlsFacts | null = null;
  bytesRead = 0;
  bytesWritten = 0;
  bytesQueued = 0;
  isClosed = false;
  isPaused = false;
  hasEnded = false;
  wasReset = false;
  /** What `write` returns. */
  isWritable = true;
  #handler: ConnectionHandler | null = null;
  #waiting: Buffer[] = [];
  #written: Buffer[] = [];

  /** Everything that was written, as text. */
  get text(): string {
    return Buffer.concat(this.#written).toString('latin1');
  }

  /** What was written since the last call. */
  takeText(): string {
    const { text } = this;
    this.#written = [];
    return text;
  }

  setHandler(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.isPaused = false;
  }

  unread(bytes: Buffer): void {
    this.#waiting.unshift(Buffer.from(bytes));
  }

  write(bytes: Buffer): boolean {
    if (this.isClosed || this.hasEnded) return false;
    this.#written.push(Buffer.from(bytes));
    this.bytesWritten += bytes.length;
    return this.isWritable;
  }

  relay(bytes: Buffer): boolean {
    return this.write(Buffer.from(bytes));
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    this.hasEnded = true;
  }

  destroy(error?: Error): void {
    this.closeWith(error ?? null);
  }

  reset(): void {
    this.wasReset = true;
    this.closeWith(null);
  }

  /** The peer sends this; it is delivered unless the connection is paused, in a buffer that is overwritten afterwards. */
  receive(data: string | Buffer): void {
    this.#waiting.push(typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data));
    this.deliver();
  }

  /** Delivers what waits, as the next turn of the loop would. */
  deliver(): void {
    while (!this.isPaused && !this.isClosed) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) return;
      this.bytesRead += bytes.length;
      this.#handler?.onData(bytes);
      bytes.fill(0x21);
    }
  }

  /** The peer closes its side. */
  receiveEnd(): void {
    this.#handler?.onEnd();
  }

  drain(): void {
    this.isWritable = true;
    this.#handler?.onDrain();
  }

  /** The connection is gone. */
  closeWith(error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handler?.onClose(error);
  }
}
