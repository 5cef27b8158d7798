/**
 * One downstream HTTP/1.1 connection: requests one after the other, each answered before the next is taken up.
 *
 *     bytes -> RequestReader -> onRequest, then the sink
 *     bytes <- Http1ServerStream <- proxy
 *
 * What a client sends behind a request that is not answered yet (pipelining) is put back, and reading stops: never more than one
 * read is held. Owned by the listener; owns its `Connection` until a stream takes that over.
 */
import { Buffer } from 'node:buffer';
import type { BodySink } from '../http1/body-reader.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead } from '../http1/message.ts';
import type { ProtocolFault } from '../http1/protocol-error.ts';
import { RequestReader } from '../http1/request-reader.ts';
import type { Connection, ConnectionHandler } from '../transport/transport.ts';
import { abortCauseOf } from './abort-cause.ts';
import type { Http1Options, Http1Setup } from './http1-options.ts';
import { Http1ServerStream, type ServerStreamOwner } from './http1-server-stream.ts';
import type { AbortCause, BadRequest, ServerConnectionHandler } from './http-stream.ts';
import { InputGate } from './input-gate.ts';
import { WheelTimer } from './timer-wheel.ts';

/**
 * `idle`: between requests or within a head. `body`: a request is being read. `answering`: it was read, the answer is not complete.
 * `discarding`: it was answered, its body is not read. `closing`: what comes is dropped.
 */
type Phase = 'idle' | 'body' | 'answering' | 'discarding' | 'tunnel' | 'closing' | 'gone';

const emptyBytes = Buffer.alloc(0);
/** Of `delayedCloseMs` each. */
const maxStalledLooks = 30;
const plainBadRequest = Buffer.from(
  'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
  'latin1',
);

export class Http1ServerConnection implements ConnectionHandler, BodySink, ServerStreamOwner {
  readonly connection: Connection;
  readonly #handler: ServerConnectionHandler;
  readonly #options: Http1Options;
  readonly #reader: RequestReader;
  readonly #gate: InputGate;
  readonly #timer: WheelTimer;
  #phase: Phase = 'idle';
  #stream: Http1ServerStream | null = null;
  #isPersistent = true;
  #isDraining = false;
  #discarded = 0;
  /** While closing: output that the client had not taken at the last look, and for how many looks it took none. */
  #queuedBytes = 0;
  #stalledLooks = 0;

  /** Takes over a connection whose requests go to `handler`. */
  constructor(connection: Connection, handler: ServerConnectionHandler, setup: Http1Setup) {
    const { options } = setup;
    this.connection = connection;
    this.#handler = handler;
    this.#options = options;
    this.#reader = new RequestReader(options);
    this.#gate = new InputGate(connection);
    this.#timer = new WheelTimer(setup.wheel, this);
    this.#timer.start(options.idleTimeoutMs);
    connection.setHandler(this);
  }

  /** No request is under way. */
  get isIdle(): boolean {
    return this.#phase === 'idle' && !this.#reader.hasBegun;
  }

  get mustClose(): boolean {
    return this.#isDraining || !this.#isPersistent;
  }

  get isRequestComplete(): boolean {
    return this.#phase !== 'body';
  }

  /** Closes when idle; else the answer under way, or the next one, says `Connection: close`. */
  drain(): void {
    this.#isDraining = true;
    if (this.isIdle) this.#closeGracefully();
  }

  /** Closes at once. */
  close(): void {
    this.#abort({ kind: 'localClose' });
    this.connection.destroy();
  }

  /** A loop, so that many pipelined requests that are answered at once need no deep stack. */
  onData(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      switch (this.#phase) {
        case 'idle':
          at = this.#readHead(bytes, at);
          break;
        case 'body':
        case 'discarding':
          at = this.#readBody(bytes, at);
          break;
        case 'answering':
          this.#gate.putBack(bytes.subarray(at));
          return;
        case 'tunnel':
          this.#stream?.receive(at === 0 ? bytes : bytes.subarray(at), false);
          return;
        case 'gone':
          // The stream was taken over just now: the rest is the new owner's.
          if (!this.connection.isClosed) this.connection.unread(bytes.subarray(at));
          return;
        case 'closing':
          return;
      }
    }
  }

  onDrain(): void {
    this.#stream?.onWritable();
  }

  /** Like Envoy, a client that closes its side before it has its answer is taken to be gone. */
  onEnd(): void {
    if (this.#phase === 'tunnel') {
      this.#stream?.receive(emptyBytes, true);
    } else if (this.#stream !== null && !this.#stream.isDone) {
      this.#abort({ kind: 'connectionClosed', reset: false, detail: 'the client closed before it was answered' });
      this.connection.destroy();
    } else {
      this.#closeGracefully();
    }
  }

  onClose(error: Error | null): void {
    this.#abort(abortCauseOf(error));
    this.#phase = 'gone';
    this.#timer.stop();
    this.#handler.onClose();
  }

  onBody(bytes: Buffer, end: boolean): void {
    if (this.#phase === 'discarding') {
      this.#discard(bytes.length, end);
      return;
    }
    if (end) this.#endRequest();
    this.#stream?.receive(bytes, end);
  }

  onTrailers(trailers: HeaderMap): void {
    if (this.#phase === 'discarding') {
      this.#discard(0, true);
      return;
    }
    this.#endRequest();
    this.#stream?.receiveTrailers(trailers);
  }

  /** Once the request was read the proxy has nothing to pause, and reading on tells that the client went away. */
  setPaused(isPaused: boolean): void {
    this.#gate.setPaused(isPaused && (this.#phase === 'body' || this.#phase === 'tunnel'));
  }

  onTunnel(): void {
    this.#phase = 'tunnel';
    this.#gate.unblock();
  }

  onResponseEnd(mustClose: boolean): void {
    this.#stream = null;
    this.#gate.setPaused(false);
    if (mustClose || this.mustClose) {
      this.#closeGracefully();
    } else if (this.#phase === 'body') {
      this.#phase = 'discarding';
      this.#discarded = 0;
      this.#timer.start(this.#options.delayedCloseMs);
    } else {
      this.#becomeIdle();
    }
  }

  giveAway(): Connection {
    this.connection.pause();
    this.#stream = null;
    this.#phase = 'gone';
    this.#timer.stop();
    return this.connection;
  }

  #readHead(bytes: Buffer, from: number): number {
    const reader = this.#reader;
    const hadBegun = reader.hasBegun;
    const next = reader.readHead(bytes, from, this.connection.tls === null ? 'http' : 'https');
    if (reader.head !== null) this.#open(reader.head);
    else if (reader.fault !== null) this.#refuse(reader.fault, reader.fault.status);
    else if (!hadBegun && reader.hasBegun) this.#timer.start(this.#options.headTimeoutMs);
    return next;
  }

  #open(head: RequestHead): void {
    const { hasBody, headBytes } = this.#reader;
    this.#timer.stop();
    this.#isPersistent = this.#reader.isPersistent;
    this.#phase = hasBody ? 'body' : 'answering';
    const stream = new Http1ServerStream(this, head, headBytes);
    this.#stream = stream;
    stream.attach(this.#handler.onRequest(stream, head, !hasBody));
  }

  #readBody(bytes: Buffer, from: number): number {
    const next = this.#reader.readBody(bytes, from, this);
    const { fault } = this.#reader;
    if (fault === null) return next;
    const isAnswered = this.#stream === null || this.#stream.hasSentHead;
    this.#abort({ kind: 'protocolError', detail: fault.message });
    if (isAnswered) {
      this.connection.destroy();
    } else {
      this.connection.write(plainBadRequest);
      this.#closeGracefully();
    }
    return bytes.length;
  }

  /** Lets the handler answer a malformed request, after which nothing is read. */
  #refuse(fault: ProtocolFault | null, status: BadRequest['status']): void {
    const { method, path, authority } = this.#reader;
    this.#timer.stop();
    this.#phase = 'answering';
    this.#isPersistent = false;
    // The answer to a HEAD has no body, also if nothing else of it could be read.
    const facts = { method, version: 'HTTP/1.1', upgrade: null, expectsContinue: false } as const;
    this.#stream = new Http1ServerStream(this, facts, 0);
    const details = fault?.details ?? 'request_headers_timeout';
    const message = fault?.message ?? 'the head did not come in time';
    this.#handler.onBadRequest(this.#stream, {
      status,
      details,
      message,
      version: 'HTTP/1.1',
      method,
      path,
      authority,
    });
  }

  #endRequest(): void {
    this.#phase = 'answering';
    this.#gate.setPaused(false);
  }

  #discard(bytes: number, end: boolean): void {
    this.#discarded += bytes;
    if (end) this.#becomeIdle();
    else if (this.#discarded > this.#options.maxDiscardBytes) this.#closeGracefully();
  }

  #becomeIdle(): void {
    this.#phase = 'idle';
    this.#gate.unblock();
    this.#timer.start(this.#options.idleTimeoutMs);
  }

  /** Sends what is queued and ends; waits a little for the client to take it, since closing over unread input would reset it. */
  #closeGracefully(): void {
    this.#phase = 'closing';
    this.#stream = null;
    this.#reader.stop();
    this.connection.end();
    this.#timer.start(this.#options.delayedCloseMs);
    this.#gate.setPaused(false);
    this.#gate.unblock();
  }

  /** A slow client has time for the last answer as long as it takes some of it now and then. */
  #waitForClient(): void {
    const queued = this.connection.bytesQueued;
    this.#stalledLooks = queued === this.#queuedBytes ? this.#stalledLooks + 1 : 0;
    this.#queuedBytes = queued;
    if (queued === 0 || this.#stalledLooks > maxStalledLooks) this.connection.destroy();
    else this.#timer.start(this.#options.delayedCloseMs);
  }

  #abort(cause: AbortCause): void {
    const stream = this.#stream;
    this.#stream = null;
    this.#phase = 'closing';
    this.#reader.stop();
    stream?.fail(cause);
  }

  onTimeout(): void {
    if (this.#phase === 'closing') this.#waitForClient();
    else if (this.#phase === 'idle' && this.#reader.hasBegun) this.#refuse(null, 408);
    else if (this.#phase === 'idle' || this.#phase === 'discarding') this.#closeGracefully();
  }
}
