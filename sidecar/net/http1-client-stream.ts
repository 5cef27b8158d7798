import assert from 'node:assert/strict';
import { sharedWriter } from '../http1/byte-writer.ts';
import { encodeRequestHead, type WrittenFraming } from '../http1/head-writer.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { Connection } from '../transport/transport.ts';
import { Http1BodyWriter } from './http1-body-writer.ts';
import type { AbortCause, ClientStream, ResponseSink } from './http-stream.ts';

/** What a stream needs of its connection. */
export interface ClientStreamOwner {
  readonly connection: Connection;
  setPaused(isPaused: boolean): void;
  /** Both sides of a tunnel have ended. */
  onTunnelEnd(): void;
}

/** The client's side of one HTTP/1.1 exchange: frames the request, and passes the response's events to the sink. */
export class Http1ClientStream implements ClientStream {
  readonly connection: Connection;
  bytesReceived = 0;
  /** Of the request; empty before its head was sent. */
  method = '';
  upgrade: string | null = null;
  hasSentHead = false;
  /** The request is complete. */
  hasEnded = false;
  isTunnel = false;
  readonly #owner: ClientStreamOwner;
  readonly #sink: ResponseSink;
  readonly #bytesWrittenBefore: number;
  #body: Http1BodyWriter | null = null;
  #hasResponseEnded = false;
  #isDone = false;

  constructor(owner: ClientStreamOwner, sink: ResponseSink) {
    this.connection = owner.connection;
    this.#owner = owner;
    this.#sink = sink;
    this.#bytesWrittenBefore = owner.connection.bytesWritten;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  get bytesSent(): number {
    return this.connection.bytesWritten - this.#bytesWrittenBefore;
  }

  sendHead(head: RequestHead, end: boolean): void {
    if (this.#isDone) return;
    assert(!this.hasSentHead, 'a second request head');
    const isForTunnel = head.upgrade !== null || head.method === 'CONNECT';
    assert(!end || head.contentLength <= 0, 'a content-length without a body');
    const framing: WrittenFraming = end || isForTunnel ? 'none' : head.contentLength >= 0 ? 'length' : 'chunked';
    this.hasSentHead = true;
    this.hasEnded = end || isForTunnel;
    this.method = head.method;
    this.upgrade = head.upgrade;
    this.#body = new Http1BodyWriter(this.connection, framing, head.contentLength);
    this.connection.write(encodeRequestHead(sharedWriter, head, framing));
  }

  sendData(bytes: Buffer, end: boolean): boolean {
    const body = this.#body;
    if (this.#isDone || body === null) return true;
    const isWritable = body.write(bytes, end, false);
    if (end) this.#end(body);
    return isWritable;
  }

  sendTrailers(trailers: HeaderMap): void {
    const body = this.#body;
    if (this.#isDone || body === null) return;
    body.writeTrailers(trailers);
    this.#end(body);
  }

  pauseResponse(): void {
    if (!this.#isDone) this.#owner.setPaused(true);
  }

  resumeResponse(): void {
    if (!this.#isDone) this.#owner.setPaused(false);
  }

  abort(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.connection.destroy();
  }

  /** Only for the connection, as is all below. */
  becomeTunnel(): void {
    this.isTunnel = true;
    this.hasEnded = false;
    this.#body = new Http1BodyWriter(this.connection, 'tunnel', 0);
  }

  receiveInformational(head: ResponseHead): void {
    if (!this.#isDone) this.#sink.onInformational(head);
  }

  receiveHead(head: ResponseHead, end: boolean): void {
    if (this.#isDone) return;
    if (end) this.#isDone = true;
    this.#sink.onHead(head, end);
  }

  receive(bytes: Buffer, end: boolean): void {
    this.bytesReceived += bytes.length;
    if (this.#isDone) return;
    if (end && this.isTunnel) this.#endTunnel();
    else if (end) this.#isDone = true;
    this.#sink.onData(bytes, end);
  }

  receiveTrailers(trailers: HeaderMap): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#sink.onTrailers(trailers);
  }

  onWritable(): void {
    if (!this.#isDone && !this.hasEnded) this.#sink.onWritable();
  }

  fail(cause: AbortCause): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#sink.onAbort(cause);
  }

  #end(body: Http1BodyWriter): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    if (this.isTunnel) {
      this.connection.end();
      if (this.#hasResponseEnded) this.#finishTunnel();
      return;
    }
    // Less than was announced: the server would wait for the rest, so there is no answer to hope for.
    if (!body.isWhole) this.abort();
  }

  #endTunnel(): void {
    this.#hasResponseEnded = true;
    if (this.hasEnded) this.#finishTunnel();
  }

  #finishTunnel(): void {
    this.#isDone = true;
    this.#owner.onTunnelEnd();
  }
}
