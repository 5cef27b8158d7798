import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';
import { PrefixViews } from '#shared/runtime/prefix-views.ts';
import { maxGatheredBytes, SocketConnection, type ConnectionOptions } from './socket-connection.ts';
import { lastRead, lastWriteError, type StreamHandle, type WriteRequest } from './stream-handle.ts';
import type { TlsFacts } from './transport.ts';

const readBytes = 32 * 1024;
/** libuv's end of file. */
const endOfFile = -4095;

/** One read buffer for all connections of a worker: what was read is handled or copied before the next read. */
let readViews: PrefixViews | null = null;
/** Where the small pieces of one write are put together; used again as soon as they are written. */
let gathered: PrefixViews | null = null;

/**
 * The transport on the socket's handle: reads into one buffer that all connections share, and writes without Node's stream machinery
 * (two ticks and half a dozen objects a write). Opening, ends, errors and closing stay with the socket.
 * Measured: docs/performance.md.
 */
export class DirectConnection extends SocketConnection {
  readonly #handle: StreamHandle;
  /** TLS has encrypted it, or copied what it could not encrypt yet. */
  protected readonly copiesOutput: boolean;
  #isReading = false;

  constructor(socket: Socket, handle: StreamHandle, tls: TlsFacts | null, options: ConnectionOptions) {
    super(socket, tls, options);
    this.#handle = handle;
    this.copiesOutput = socket instanceof TLSSocket;
    socket.pause();
    this.#takeEarly(options);
    readViews ??= new PrefixViews(Buffer.allocUnsafeSlow(readBytes));
    handle.useUserBuffer(readViews.buffer);
    handle.onread = () => this.#onRead();
  }

  /** What Node read before. `read` may start reading again, and tells of an end that came already. */
  #takeEarly({ inlet }: ConnectionOptions): void {
    if (inlet !== undefined) for (const early of inlet.open((bytes) => this.receive(bytes))) this.receive(early);
    for (let bytes = takeFrom(this.socket); bytes !== null; bytes = takeFrom(this.socket)) this.receive(bytes);
    this.#isReading = true;
    this.stopReading();
  }

  startReading(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#handle.reading = true;
    this.#failOn(this.#handle.readStart(), 'read');
  }

  stopReading(): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    this.#handle.reading = false;
    if (!this.isClosed) this.#handle.readStop();
  }

  #onRead(): undefined {
    const length = lastRead();
    if (length > 0) {
      if (readViews !== null) this.receive(readViews.take(length));
    } else if (length === endOfFile) {
      // The socket then tells of the end, and closes when both sides have ended.
      this.socket.push(null);
      this.socket.read(0);
    } else {
      this.#failOn(length, 'read');
    }
  }

  protected send(queue: readonly Buffer[], bytes: number): void {
    const [first] = queue;
    if (queue.length === 1 && first !== undefined) this.#sent(this.#handle.writeBuffer(null, first), first);
    else if (bytes <= maxGatheredBytes) this.#sendGathered(queue, bytes);
    else this.#sent(this.#handle.writev(null, queue, true), queue);
  }

  #sendGathered(queue: readonly Buffer[], bytes: number): void {
    gathered ??= new PrefixViews(Buffer.allocUnsafeSlow(maxGatheredBytes));
    let length = 0;
    for (const piece of queue) length += piece.copy(gathered.buffer, length);
    const whole = gathered.take(bytes);
    const outcome = this.#handle.writeBuffer(null, whole);
    if (typeof outcome !== 'number' && !this.copiesOutput) gathered = null;
    this.#sent(outcome, whole);
  }

  #sent(outcome: number | WriteRequest, kept: unknown): void {
    if (typeof outcome === 'number') return this.#settleWrite(outcome);
    const error = lastWriteError();
    if (error !== 0) return this.#settleWrite(error);
    outcome.buffer = kept;
    outcome.oncomplete = (status) => this.#settleWrite(status);
    const { writeStatus } = outcome;
    if (writeStatus === null) return;
    outcome.writeStatus = null;
    this.#settleWrite(writeStatus);
  }

  #settleWrite(status: number): void {
    if (status < 0) this.#failOn(status, 'write');
    else this.finishWrite();
  }

  /** Errors end the socket, as they do in Node's streams. */
  #failOn(status: number, operation: 'read' | 'write'): void {
    if (status >= 0 || this.socket.destroyed) return;
    this.socket.destroy(systemError(status, operation));
  }
}

function takeFrom(socket: Socket): Buffer | null {
  const bytes: unknown = socket.read();
  return Buffer.isBuffer(bytes) ? bytes : null;
}

function systemError(errno: number, operation: string): Error {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`${operation} ${code}`), { errno, code, syscall: operation });
}
