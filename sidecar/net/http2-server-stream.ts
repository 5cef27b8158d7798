import { Buffer } from 'node:buffer';
import assert from 'node:assert/strict';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import { errorCode } from '../http2/frames.ts';
import type { FieldLines } from '../http2/field-section.ts';
import type { Session } from '../http2/session.ts';
import type { Http2Stream, StreamEvents, StreamFailure } from '../http2/stream.ts';
import type { Connection } from '../transport/transport.ts';
import { linesOfTrailers, toTrailers } from './http2-fields.ts';
import { encodeResponse, mayHaveBody } from './http2-heads.ts';
import { Http2Tunnel } from './http2-tunnel.ts';
import type { AbortCause, RequestSink, ServerStream } from './http-stream.ts';

const emptyBytes = Buffer.alloc(0);

/** What a stream needs of its connection. */
export interface Http2StreamOwner {
  readonly connection: Connection;
  abortCauseOf(failure: StreamFailure): AbortCause;
  /** No stream after those under way. */
  drain(): void;
}

/** What of a request decides how it is answered. */
type RequestFacts = Pick<RequestHead, 'method' | 'upgrade' | 'expectsContinue'>;

/** The server's side of one HTTP/2 exchange. */
export class Http2ServerStream implements ServerStream, StreamEvents {
  readonly connection: Connection;
  readonly #owner: Http2StreamOwner;
  readonly #session: Session;
  readonly #stream: Http2Stream;
  readonly #method: string;
  readonly #upgrade: string | null;
  #sink: RequestSink | null = null;
  #mayStillContinue: boolean;
  #hasSentHead = false;
  /** The body of the response goes nowhere (to HEAD, 204, 304). */
  #isBodyless = false;
  /** Of the body that was declared; -1: not declared. */
  #remaining = -1;
  #isTunnel = false;
  #wantsPause = false;
  #isDone = false;
  #wasSent = false;

  /** `head`: of a request that is only answered, what matters for that. Filters may change it later: what counts is what the client sent. */
  constructor(owner: Http2StreamOwner, session: Session, stream: Http2Stream, head: RequestFacts) {
    this.connection = owner.connection;
    this.#owner = owner;
    this.#session = session;
    this.#stream = stream;
    this.#method = head.method;
    this.#upgrade = head.upgrade;
    this.#mayStillContinue = head.expectsContinue;
    if (this.#isForTunnel) {
      // What the client sends before it is answered is held until there is a tunnel for it.
      session.pause(stream);
      stream.isTunnel = true;
    }
  }

  get bytesReceived(): number {
    return this.#stream.bytesReceived;
  }

  get bytesSent(): number {
    return this.#stream.bytesSent;
  }

  sendInformational(head: ResponseHead): void {
    if (this.#isDone) return;
    assert(!this.#hasSentHead && head.status < 200 && head.status !== 101, `no informational response: ${head.status}`);
    if (head.status === 100) this.sendContinue();
    else this.#sendHead(head, head.status, '', false);
  }

  sendContinue(): void {
    if (this.#isDone || !this.#mayStillContinue || this.#hasSentHead) return;
    this.#mayStillContinue = false;
    this.#session.beginHead().field(':status', '100');
    this.#session.sendHead(this.#stream, false);
  }

  sendHead(head: ResponseHead, end: boolean): void {
    if (this.#isDone) return;
    assert(!this.#hasSentHead, 'a second response head');
    const isSuccess = head.status >= 200 && head.status < 300;
    if (head.status === 101 || (isSuccess && this.#method === 'CONNECT')) {
      this.#sendTunnelHead(head);
      return;
    }
    this.#hasSentHead = true;
    this.#stream.isTunnel = false;
    const isDeclaredOnly = this.#method === 'HEAD' || head.status === 304;
    this.#isBodyless = isDeclaredOnly || !mayHaveBody(head.status);
    if (end && !this.#isBodyless) assert(head.contentLength <= 0, 'a content-length without a body');
    if (!this.#isBodyless && !end) this.#remaining = head.contentLength;
    const length = isDeclaredOnly ? 'asDeclared' : this.#isBodyless ? '' : lengthOf(head, end);
    // Over HTTP/2 any 2xx would take the upgrade (RFC 8441 5).
    this.#sendHead(head, isSuccess && this.#upgrade !== null ? 502 : head.status, length, end);
  }

  sendData(bytes: Buffer, end: boolean): boolean {
    const body = this.#isBodyless ? emptyBytes : bytes;
    return this.#maySend(body.length, end) ? this.#session.sendData(this.#stream, body, end) : true;
  }

  relayData(bytes: Buffer, end: boolean): boolean {
    const body = this.#isBodyless ? emptyBytes : bytes;
    return this.#maySend(body.length, end) ? this.#session.relayData(this.#stream, body, end) : true;
  }

  #maySend(length: number, end: boolean): boolean {
    if (this.#isDone || !this.#hasSentHead) return false;
    if (this.#remaining < 0) return true;
    assert(length <= this.#remaining, 'more body than its content-length');
    this.#remaining -= length;
    if (!end || this.#remaining === 0) return true;
    this.abort();
    return false;
  }

  sendTrailers(trailers: HeaderMap): void {
    if (this.#isDone || !this.#hasSentHead) return;
    if (this.#remaining > 0) this.abort();
    else this.#session.sendTrailers(this.#stream, linesOfTrailers(trailers));
  }

  pauseRequest(): void {
    this.#wantsPause = true;
    if (!this.#isDone) this.#session.pause(this.#stream);
  }

  resumeRequest(): void {
    this.#wantsPause = false;
    if (!this.#isDone && (!this.#isForTunnel || this.#isTunnel)) this.#session.resume(this.#stream);
  }

  abort(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#session.reset(this.#stream, this.#isTunnel ? errorCode.cancel : errorCode.internalError);
  }

  refuse(): boolean {
    if (this.#isDone || this.#hasSentHead) return false;
    this.#isDone = true;
    this.#session.reset(this.#stream, errorCode.refusedStream);
    return true;
  }

  closeAfter(): void {
    this.#owner.drain();
  }

  takeOver(): Connection {
    assert(this.#isTunnel && !this.#isDone, 'only a tunnel can be taken over');
    const tunnel = new Http2Tunnel(this.connection, this.#session, this.#stream);
    this.#isDone = true;
    this.#sink = null;
    this.#stream.events = tunnel;
    return tunnel;
  }

  /** Only for the connection, as is all below. */
  attach(sink: RequestSink): void {
    if (this.#stream.events !== this) return;
    this.#sink = sink;
    if (this.#wasSent) sink.onSent?.();
  }

  onHead(): void {}

  onData(bytes: Buffer, end: boolean): void {
    this.#mayStillContinue &&= bytes.length === 0;
    if (!this.#isDone) this.#sink?.onData(bytes, end);
  }

  onTrailers(fields: FieldLines): void {
    if (this.#isDone) return;
    // A tunnel has none: they are its end (RFC 9113 8.5).
    if (this.#isTunnel) this.#sink?.onData(emptyBytes, true);
    else this.#sink?.onTrailers(toTrailers(fields));
  }

  onWritable(): void {
    if (!this.#isDone) this.#sink?.onWritable();
  }

  onSent(): void {
    if (this.#isTunnel) return;
    this.#isDone = true;
    this.#wasSent = true;
    this.#sink?.onSent?.();
  }

  onFailure(failure: StreamFailure): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#sink?.onAbort(this.#owner.abortCauseOf(failure));
  }

  get #isForTunnel(): boolean {
    return this.#method === 'CONNECT' || this.#upgrade !== null;
  }

  #sendTunnelHead(head: ResponseHead): void {
    assert(head.status !== 101 || this.#upgrade !== null, 'a 101 without a request for it');
    this.#hasSentHead = true;
    this.#isTunnel = true;
    this.#sendHead(head, head.status === 101 ? 200 : head.status, '', false);
    if (this.#stream.isRemoteEnded && !this.#stream.isHolding) queueMicrotask(() => this.#endEmptyTunnel());
    if (!this.#wantsPause) this.#session.resume(this.#stream);
  }

  /** The client ended its side together with its head. */
  #endEmptyTunnel(): void {
    if (!this.#stream.isClosed) this.#stream.events?.onData(emptyBytes, true);
  }

  #sendHead(head: ResponseHead, status: number, length: string, end: boolean): void {
    encodeResponse(this.#session, head, status, length);
    this.#session.sendHead(this.#stream, end);
  }
}

/** What a response says of its length; without a body nothing, unless a 0 was declared. */
function lengthOf(head: ResponseHead, end: boolean): string {
  if (!end) return head.contentLength >= 0 ? String(head.contentLength) : '';
  return head.contentLength === 0 && head.headers.says('content-length', '0') ? '0' : '';
}
