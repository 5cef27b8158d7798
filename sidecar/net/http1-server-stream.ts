import { Buffer } from 'node:buffer';
import assert from 'node:assert/strict';
import { sharedWriter } from '../http1/byte-writer.ts';
import { encodeResponseHead, type WrittenFraming } from '../http1/head-writer.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { Connection } from '../transport/transport.ts';
import { Http1BodyWriter } from './http1-body-writer.ts';
import type { AbortCause, RequestSink, ServerStream } from './http-stream.ts';

const continueHead = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');

/** What of a request decides how its response is framed. */
export type RequestFacts = Pick<RequestHead, 'method' | 'version' | 'upgrade' | 'expectsContinue'>;

/** What a stream needs of its connection. */
export interface ServerStreamOwner {
  readonly connection: Connection;
  /** The connection will end after this exchange. */
  readonly mustClose: boolean;
  /** The whole request was read. */
  readonly isRequestComplete: boolean;
  setPaused(isPaused: boolean): void;
  /** The stream became a tunnel. */
  onTunnel(): void;
  /** The response is complete. `mustClose`: the client was told so, or can only tell its end by it. */
  onResponseEnd(mustClose: boolean): void;
  giveAway(): Connection;
}

/** The server's side of one HTTP/1.1 exchange: frames the response, and passes the request's events to the sink. */
export class Http1ServerStream implements ServerStream {
  readonly connection: Connection;
  bytesReceived: number;
  readonly #owner: ServerStreamOwner;
  readonly #method: string;
  readonly #isOldVersion: boolean;
  readonly #upgrade: string | null;
  #sink: RequestSink | null = null;
  #body: Http1BodyWriter | null = null;
  #headBytesSent = 0;
  #mustClose = false;
  #mayStillContinue: boolean;
  #isTunnel = false;
  #hasRequestEnded = false;
  #hasResponseEnded = false;
  #isDone = false;
  /** The response is complete; the sink is told when it comes if it was not there yet. */
  #wasSent = false;

  /** `head`: of a request that could not be read, what could. Filters may change it later: what counts here is what the client sent. */
  constructor(owner: ServerStreamOwner, head: RequestFacts, headBytes: number) {
    this.connection = owner.connection;
    this.bytesReceived = headBytes;
    this.#owner = owner;
    this.#method = head.method;
    this.#isOldVersion = head.version === 'HTTP/1.0';
    this.#upgrade = head.upgrade;
    this.#mayStillContinue = head.expectsContinue;
  }

  get bytesSent(): number {
    return this.#headBytesSent + (this.#body?.bytesSent ?? 0);
  }

  get hasSentHead(): boolean {
    return this.#body !== null;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  sendInformational(head: ResponseHead): void {
    if (this.#isDone || this.#isOldVersion) return;
    assert(!this.hasSentHead && head.status < 200 && head.status !== 101, `no informational response: ${head.status}`);
    if (head.status === 100) this.sendContinue();
    else this.#write(encodeResponseHead(sharedWriter, head, 'none', 'default'));
  }

  sendContinue(): void {
    if (this.#isDone || !this.#mayStillContinue || this.hasSentHead) return;
    this.#mayStillContinue = false;
    this.#write(continueHead);
  }

  sendHead(head: ResponseHead, end: boolean): void {
    if (this.#isDone) return;
    assert(!this.hasSentHead, 'a second response head');
    if (head.status === 101 || (this.#method === 'CONNECT' && head.status >= 200 && head.status < 300)) {
      this.#sendTunnelHead(head);
      return;
    }
    const isHeadRequest = this.#method === 'HEAD';
    if (end && !isHeadRequest && mayHaveBody(head.status)) {
      assert(head.contentLength <= 0, 'a content-length without a body');
      head.contentLength = 0;
    }
    const framing = this.#framingOf(head);
    this.#mustClose ||= this.#mustEndConnection(framing, end);
    const option = this.#mustClose ? 'close' : this.#isOldVersion ? 'keep-alive' : 'default';
    this.#body = new Http1BodyWriter(this.connection, isHeadRequest ? 'none' : framing, head.contentLength);
    this.#write(encodeResponseHead(sharedWriter, head, framing, option));
    if (end) this.#end();
  }

  sendData(bytes: Buffer, end: boolean): boolean {
    return this.#sendBody(bytes, end, false);
  }

  relayData(bytes: Buffer, end: boolean): boolean {
    return this.#sendBody(bytes, end, true);
  }

  #sendBody(bytes: Buffer, end: boolean, isLent: boolean): boolean {
    const body = this.#body;
    if (this.#isDone || body === null) return true;
    const isWritable = body.write(bytes, end, isLent);
    if (end) this.#end();
    return isWritable;
  }

  sendTrailers(trailers: HeaderMap): void {
    if (this.#isDone || this.#body === null) return;
    this.#body.writeTrailers(trailers);
    this.#end();
  }

  pauseRequest(): void {
    if (!this.#isDone) this.#owner.setPaused(true);
  }

  resumeRequest(): void {
    if (!this.#isDone) this.#owner.setPaused(false);
  }

  abort(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.connection.destroy();
  }

  /** HTTP/1.1 has no word for it. */
  refuse(): boolean {
    return false;
  }

  closeAfter(): void {
    this.#mustClose = true;
  }

  takeOver(): Connection {
    assert(this.#isTunnel && !this.#isDone, 'only a tunnel can be taken over');
    this.#isDone = true;
    return this.#owner.giveAway();
  }

  /** Only for the connection, as is all below. */
  attach(sink: RequestSink): void {
    this.#sink = sink;
    if (this.#wasSent) sink.onSent?.();
  }

  receive(bytes: Buffer, end: boolean): void {
    this.bytesReceived += bytes.length;
    this.#mayStillContinue &&= bytes.length === 0;
    if (end && this.#isTunnel) this.#hasRequestEnded = true;
    if (!this.#isDone) this.#sink?.onData(bytes, end);
    if (end) this.#endTunnel();
  }

  receiveTrailers(trailers: HeaderMap): void {
    if (!this.#isDone) this.#sink?.onTrailers(trailers);
  }

  onWritable(): void {
    if (!this.#isDone) this.#sink?.onWritable();
  }

  fail(cause: AbortCause): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#sink?.onAbort(cause);
  }

  #sendTunnelHead(head: ResponseHead): void {
    const isUpgrade = head.status === 101;
    assert(!isUpgrade || this.#upgrade !== null, 'a 101 without a request for it');
    if (isUpgrade) head.upgrade ??= this.#upgrade;
    this.#isTunnel = true;
    this.#body = new Http1BodyWriter(this.connection, 'tunnel', 0);
    this.#write(encodeResponseHead(sharedWriter, head, 'none', isUpgrade ? 'upgrade' : 'default'));
    this.#owner.onTunnel();
  }

  #framingOf(head: ResponseHead): WrittenFraming {
    if (head.status === 304) return 'asDeclared';
    if (!mayHaveBody(head.status)) return 'none';
    if (head.contentLength >= 0) return 'length';
    if (this.#method === 'HEAD') return 'asDeclared';
    return this.#isOldVersion ? 'untilClose' : 'chunked';
  }

  /**
   * A client that waits for 100 and gets a final answer may or may not send its body, and one whose request is cut short sends on:
   * behind either the next request could not be told from the body.
   */
  #mustEndConnection(framing: WrittenFraming, end: boolean): boolean {
    if (this.#owner.mustClose || framing === 'untilClose' || this.#mayStillContinue) return true;
    return end && !this.#owner.isRequestComplete;
  }

  #write(bytes: Buffer): void {
    this.#headBytesSent += bytes.length;
    this.connection.write(bytes);
  }

  #end(): void {
    if (this.#isTunnel) {
      this.#hasResponseEnded = true;
      this.connection.end();
      this.#endTunnel();
      return;
    }
    this.#isDone = true;
    if (this.#body?.isWhole === false) {
      this.connection.destroy();
      return;
    }
    this.#wasSent = true;
    this.#sink?.onSent?.();
    this.#owner.onResponseEnd(this.#mustClose);
  }

  #endTunnel(): void {
    if (this.#isTunnel && this.#hasRequestEnded && this.#hasResponseEnded) this.#isDone = true;
  }
}

function mayHaveBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}
