/**
 * One downstream HTTP/1.1 connection: requests one after the other, each answered before the next is taken up.
 *
 *     bytes -> HeadReader/HeadParser -> onRequest -> BodyReader -> sink
 *     bytes <- Http1BodyWriter, head writer <- Http1ServerStream <- proxy
 *
 * What a client sends behind a request that is not answered yet (pipelining) waits in one buffer, and reading stops: never more
 * than one read is held. Owned by the listener; owns its `Connection` until a stream takes that over.
 */
import { BodyReader, type BodySink } from '../http1/body-reader.ts';
import { HeadParser } from '../http1/head-parser.ts';
import { HeadReader } from '../http1/head-reader.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead } from '../http1/message.ts';
import type { ProtocolFault } from '../http1/protocol-error.ts';
import type { Connection, ConnectionHandler } from '../transport/transport.ts';
import { abortCauseOf } from './abort-cause.ts';
import type { Http1Options, Http1Setup } from './http1-options.ts';
import { Http1ServerStream, type ServerStreamOwner } from './http1-server-stream.ts';
import type { AbortCause, BadRequest, ServerConnectionHandler } from './http-stream.ts';
import { WheelTimer } from './timer-wheel.ts';

/**
 * `idle`: between requests or within a head. `body`: a request is being read. `answering`: it was read, the answer is not complete.
 * `discarding`: it was answered, its body is not read. `closing`: what comes is dropped.
 */
type Phase = 'idle' | 'body' | 'answering' | 'discarding' | 'tunnel' | 'closing' | 'gone';

const plainBadRequest = Buffer.from(
  'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
  'latin1',
);

export class Http1ServerConnection implements ConnectionHandler, BodySink, ServerStreamOwner {
  readonly connection: Connection;
  readonly #handler: ServerConnectionHandler;
  readonly #options: Http1Options;
  readonly #reader: HeadReader;
  readonly #parser: HeadParser;
  readonly #body: BodyReader;
  readonly #timer: WheelTimer;
  #phase: Phase = 'idle';
  #stream: Http1ServerStream | null = null;
  /** Bytes behind a request that is being answered. */
  #pending: Buffer | null = null;
  #isProcessing = false;
  #isPausedByProxy = false;
  #isReading = true;
  #isPersistent = true;
  #isDraining = false;
  #discarded = 0;

  /** Takes over a connection whose requests go to `handler`. */
  constructor(connection: Connection, handler: ServerConnectionHandler, setup: Http1Setup) {
    const { options } = setup;
    this.connection = connection;
    this.#handler = handler;
    this.#options = options;
    this.#reader = new HeadReader({ kind: 'request', maxBytes: options.maxHeadBytes, lenient: options.lenient });
    this.#parser = new HeadParser(options);
    this.#body = new BodyReader({ maxBytes: options.maxHeadBytes, maxFields: options.maxFields });
    this.#timer = new WheelTimer(setup.wheel, () => this.#onTimeout());
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
    if (this.isIdle && this.#pending === null) this.#closeGracefully();
  }

  /** Closes at once. */
  close(): void {
    this.#abort({ kind: 'localClose' });
    this.connection.destroy();
  }

  onData(bytes: Buffer): void {
    const all = this.#pending === null ? bytes : Buffer.concat([this.#pending, bytes]);
    this.#pending = null;
    this.#process(all);
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
      this.#phase = 'closing';
      this.connection.end();
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
    this.#isPausedByProxy = isPaused && (this.#phase === 'body' || this.#phase === 'tunnel');
    this.#updateReading();
  }

  onTunnel(): void {
    this.#phase = 'tunnel';
    this.#processPending();
  }

  onResponseEnd(mustClose: boolean): void {
    this.#stream = null;
    this.#isPausedByProxy = false;
    if (mustClose || this.mustClose) {
      this.#closeGracefully();
    } else if (this.#phase === 'body') {
      this.#phase = 'discarding';
      this.#discarded = 0;
      this.#timer.start(this.#options.delayedCloseMs);
      this.#updateReading();
    } else {
      this.#becomeIdle();
      this.#processPending();
    }
  }

  giveAway(): Connection {
    this.connection.pause();
    if (this.#pending !== null) this.connection.unread(this.#pending);
    this.#pending = null;
    this.#stream = null;
    this.#phase = 'gone';
    this.#timer.stop();
    return this.connection;
  }

  /** Reads requests until the bytes are used up, or wait. A loop, so that many pipelined requests need no deep stack. */
  #process(bytes: Buffer): void {
    let at = 0;
    this.#isProcessing = true;
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
          this.#pending = Buffer.from(bytes.subarray(at));
          at = bytes.length;
          break;
        case 'tunnel':
          this.#stream?.receive(at === 0 ? bytes : bytes.subarray(at), false);
          at = bytes.length;
          break;
        case 'gone':
          // The stream was taken over while it read: the rest is the new owner's.
          if (!this.connection.isClosed) this.connection.unread(bytes.subarray(at));
          return;
        case 'closing':
          at = bytes.length;
          break;
      }
    }
    this.#isProcessing = false;
    this.#updateReading();
  }

  #processPending(): void {
    const pending = this.#pending;
    if (this.#isProcessing || pending === null) return;
    this.#pending = null;
    this.#process(pending);
  }

  #readHead(bytes: Buffer, from: number): number {
    const reader = this.#reader;
    const hadBegun = reader.hasBegun;
    const outcome = reader.read(bytes, from);
    if (outcome === 'incomplete') {
      if (!hadBegun && reader.hasBegun) this.#timer.start(this.#options.headTimeoutMs);
      return bytes.length;
    }
    this.#timer.stop();
    if (outcome === 'fault') {
      this.#refuse(reader.fault);
      return bytes.length;
    }
    const scheme = this.connection.tls === null ? 'http' : 'https';
    const head = this.#parser.parseRequest(reader.bytes, reader.start, reader.end, scheme);
    if (head === null) {
      this.#refuse(reader.diagnose() ?? this.#parser.fault);
      return bytes.length;
    }
    const next = reader.next;
    this.#open(head, reader.end - reader.start);
    return next;
  }

  #open(head: RequestHead, headBytes: number): void {
    const hasBody = this.#parser.framing !== 'none';
    this.#isPersistent = this.#parser.isPersistent;
    this.#body.start(this.#parser.framing, head.contentLength);
    this.#phase = hasBody ? 'body' : 'answering';
    const stream = new Http1ServerStream(this, {
      method: head.method,
      isOldVersion: head.version === 'HTTP/1.0',
      expectsContinue: head.expectsContinue,
      upgrade: head.upgrade,
      headBytes,
    });
    this.#stream = stream;
    stream.attach(this.#handler.onRequest(stream, head, !hasBody));
  }

  #readBody(bytes: Buffer, from: number): number {
    const next = this.#body.read(bytes, from, this);
    const fault = this.#body.fault;
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
  #refuse(fault: ProtocolFault | null, status: BadRequest['status'] = fault?.status ?? 400): void {
    this.#phase = 'answering';
    this.#isPersistent = false;
    const { method, path, authority } = this.#parser;
    const stream = new Http1ServerStream(this, {
      method,
      isOldVersion: false,
      expectsContinue: false,
      upgrade: null,
      headBytes: 0,
    });
    this.#stream = stream;
    const details = fault?.details ?? 'request_headers_timeout';
    const message = fault?.message ?? 'the head did not come in time';
    this.#handler.onBadRequest(stream, { status, details, message, method, path, authority });
  }

  #endRequest(): void {
    this.#phase = 'answering';
    this.#isPausedByProxy = false;
  }

  #discard(bytes: number, end: boolean): void {
    this.#discarded += bytes;
    if (end) this.#becomeIdle();
    else if (this.#discarded > this.#options.maxDiscardBytes) this.#closeGracefully();
  }

  #becomeIdle(): void {
    this.#phase = 'idle';
    this.#timer.start(this.#options.idleTimeoutMs);
  }

  /** Sends what is queued and ends; waits a little for the client to take it, since closing over unread input would reset it. */
  #closeGracefully(): void {
    this.#phase = 'closing';
    this.#stream = null;
    this.#pending = null;
    this.#body.stop();
    this.connection.end();
    this.#timer.start(this.#options.delayedCloseMs);
    this.#updateReading();
  }

  #abort(cause: AbortCause): void {
    const stream = this.#stream;
    this.#stream = null;
    this.#phase = 'closing';
    this.#body.stop();
    stream?.fail(cause);
  }

  #onTimeout(): void {
    switch (this.#phase) {
      case 'idle':
        if (this.#reader.hasBegun) this.#refuse(null, 408);
        else this.#closeGracefully();
        break;
      case 'discarding':
        this.#closeGracefully();
        break;
      case 'closing':
        this.connection.destroy();
        break;
      case 'body':
      case 'answering':
      case 'tunnel':
      case 'gone':
        break;
    }
  }

  #updateReading(): void {
    const shouldRead = this.#pending === null && !this.#isPausedByProxy;
    if (shouldRead === this.#isReading || this.#phase === 'gone') return;
    this.#isReading = shouldRead;
    if (shouldRead) this.connection.resume();
    else this.connection.pause();
  }
}

const emptyBytes = Buffer.alloc(0);
