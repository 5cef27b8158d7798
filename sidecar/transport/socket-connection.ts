/**
 * What the two back ends share: a connected `net.Socket` or `tls.TLSSocket` as a {@link Connection}. Bytes go to the one handler or
 * wait for it; its output of one turn of the loop goes out in one write, and never a second write before the first is done, so that
 * `bytesWritten` counts what the operating system (or TLS) took and nothing else. How bytes are read and written is the back end's
 * (`node-stream.ts`, `direct-handle.ts`). The connection owns the socket, the handler owns the connection.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { formatHostPort } from '#shared/runtime/host-port.ts';
import { flushAtEndOfTurn, type Flushable } from './flush-queue.ts';
import { HandlerInput, type InputSource } from './handler-input.ts';
import { OutputQueue, type Output } from './output-queue.ts';
import type { ReadInlet } from './read-inlet.ts';
import type { Connection, ConnectionHandler, TlsFacts } from './transport.ts';

/** Up to here the buffers of one turn are copied into one: cheaper than a vectored write of small pieces. */
export const maxGatheredBytes = 32 * 1024;
const defaultHighWaterMark = 256 * 1024;
/** Relayed bytes from here on are written at once where that saves a copy; less waits for what else this turn brings. */
const leastLentBytes = 8 * 1024;

export type ConnectionOptions = Readonly<{
  /** The socket was connected with this inlet's `onread`. */
  inlet?: ReadInlet | undefined;
  /** Where the peer meant to connect to, before it was redirected. */
  local?: Readonly<{ address: string; port: number }> | undefined;
  /** Queued output above which `write` says false; below half of it `onDrain` comes. */
  highWaterMark?: number | undefined;
}>;

export abstract class SocketConnection implements Connection, Flushable, InputSource {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localName: string;
  readonly remoteName: string;
  readonly tls: TlsFacts | null;
  bytesRead = 0;
  bytesWritten = 0;
  isClosed = false;

  protected readonly socket: Socket;
  readonly #highWaterMark: number;
  readonly #input = new HandlerInput(this);
  readonly #queue = new OutputQueue();
  /** What is being written. */
  #output: Output | null = null;
  #bytesInFlight = 0;
  #isFlushScheduled = false;
  #isAboveMark = false;
  #isEnding = false;
  #error: Error | null = null;
  /** The socket is closed. */
  #isGone = false;

  constructor(socket: Socket, tls: TlsFacts | null, options: ConnectionOptions) {
    this.socket = socket;
    this.tls = tls;
    this.#highWaterMark = options.highWaterMark ?? defaultHighWaterMark;
    this.localAddress = options.local?.address ?? plainAddress(socket.localAddress);
    this.localPort = options.local?.port ?? socket.localPort ?? 0;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort ?? 0;
    this.localName = formatHostPort(this.localAddress, this.localPort);
    this.remoteName = formatHostPort(this.remoteAddress, this.remotePort);
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    socket.on('end', () => {
      if (!this.isClosed) this.#input.receiveEnd();
    });
    socket.on('error', (error) => (this.#error ??= error));
    socket.on('close', () => this.#close());
  }

  abstract startReading(): void;
  abstract stopReading(): void;
  /** Whether {@link send} has copied what it was given when it returns. */
  protected abstract readonly copiesOutput: boolean;
  /** Writes these buffers, `bytes` in all, then calls {@link finishWrite}; in this call or later. */
  protected abstract send(queue: readonly Buffer[], bytes: number): void;

  get bytesQueued(): number {
    return this.#queue.bytes + this.#bytesInFlight;
  }

  setHandler(handler: ConnectionHandler): void {
    this.#input.setHandler(handler);
    if (this.#isGone) setImmediate(() => this.#close());
  }

  unread(bytes: Buffer): void {
    this.#input.unread(bytes);
  }

  write(bytes: Buffer): boolean {
    if (this.isClosed || this.#isEnding) return false;
    if (bytes.length > 0) {
      this.#queue.push(bytes);
      this.#scheduleFlush();
    }
    return this.#wantsMore();
  }

  relay(bytes: Buffer): boolean {
    if (this.isClosed || this.#isEnding) return false;
    if (bytes.length >= leastLentBytes && this.copiesOutput && this.#queue.bytes + this.#bytesInFlight === 0) {
      this.#bytesInFlight = bytes.length;
      this.bytesWritten += bytes.length;
      this.send([bytes], bytes.length);
    } else if (bytes.length > 0) {
      this.#queue.copy(bytes);
      this.#scheduleFlush();
    }
    return this.#wantsMore();
  }

  #wantsMore(): boolean {
    const isAbove = this.#queue.bytes + this.#bytesInFlight >= this.#highWaterMark;
    this.#isAboveMark ||= isAbove;
    return !isAbove;
  }

  pause(): void {
    this.#input.pause();
  }

  resume(): void {
    this.#input.resume();
  }

  end(): void {
    if (this.isClosed || this.#isEnding) return;
    this.#isEnding = true;
    this.#scheduleFlush();
  }

  destroy(error?: Error): void {
    if (this.isClosed) return;
    this.#error ??= error ?? null;
    this.#drop();
    this.socket.destroy();
  }

  /** Documented streams cannot reset below TLS: there the connection is dropped, and the peer sees it end. */
  reset(): void {
    if (this.isClosed) return;
    this.#drop();
    if (this.socket instanceof TLSSocket) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  /** Writes what was queued; only for the flush queue. */
  flush(): void {
    this.#isFlushScheduled = false;
    if (this.isClosed || this.#bytesInFlight > 0) return;
    if (this.#queue.bytes === 0) {
      if (this.#isEnding) this.socket.end();
      return;
    }
    const output = this.#queue.take();
    this.#output = output;
    this.#bytesInFlight = output.bytes;
    this.bytesWritten += output.bytes;
    this.send(output.buffers, output.bytes);
  }

  /** What {@link send} was given is written. */
  protected finishWrite(): void {
    this.#bytesInFlight = 0;
    this.#output?.recycle();
    this.#output = null;
    if (this.isClosed) return;
    if (this.#queue.bytes > 0 || this.#isEnding) this.flush();
    if (!this.#isAboveMark || this.#queue.bytes + this.#bytesInFlight > this.#highWaterMark / 2) return;
    this.#isAboveMark = false;
    this.#input.handler?.onDrain();
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled || this.#bytesInFlight > 0) return;
    this.#isFlushScheduled = true;
    flushAtEndOfTurn(this);
  }

  /** Bytes that arrived; they are handled or copied when this returns. */
  protected receive(bytes: Buffer): void {
    if (this.isClosed) return;
    this.bytesRead += bytes.length;
    this.#input.receive(bytes);
  }

  #drop(): void {
    this.isClosed = true;
    this.#queue.clear();
    this.#input.clear();
  }

  #close(): void {
    this.#isGone = true;
    this.#drop();
    const { handler } = this.#input;
    this.#input.handler = null;
    handler?.onClose(this.#error);
  }
}

/** IPv4 addresses that a dual-stack listener shows as IPv6 ones, as IPv4. */
function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
