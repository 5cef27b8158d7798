/**
 * One upstream HTTP/1.1 connection: a request at a time, and the next when both the request and its response are complete, the
 * server keeps the connection open and has sent nothing too much.
 *
 *     bytes <- head writer, Http1BodyWriter <- Http1ClientStream <- proxy
 *     bytes -> HeadReader/HeadParser -> BodyReader -> the stream's sink
 *
 * Owned by a pool, whose handler is told of capacity and of the end; owns its `Connection`.
 */
import { Buffer } from 'node:buffer';
import assert from 'node:assert/strict';
import { BodyReader, type BodySink } from '../http1/body-reader.ts';
import { HeadParser } from '../http1/head-parser.ts';
import { HeadReader } from '../http1/head-reader.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import { parseKeepAliveTimeoutMs } from '../http1/keep-alive.ts';
import type { ResponseHead } from '../http1/message.ts';
import { faults } from '../http1/protocol-error.ts';
import type { MessageLimits } from '../http1/request-reader.ts';
import type { Connection, ConnectionHandler } from '../transport/transport.ts';
import { abortCauseOf } from './abort-cause.ts';
import { Http1ClientStream, type ClientStreamOwner } from './http1-client-stream.ts';
import type {
  AbortCause,
  ClientConnection,
  ClientConnectionHandler,
  ClientStream,
  ResponseSink,
} from './http-stream.ts';

/** `settling`: the response is complete; whether the connection can be used again shows when all bytes were looked at. */
type Phase = 'idle' | 'head' | 'body' | 'settling' | 'tunnel' | 'closed';

const emptyBytes = Buffer.alloc(0);

export class Http1ClientConnection implements ClientConnection, ConnectionHandler, BodySink, ClientStreamOwner {
  readonly connection: Connection;
  readonly protocol = 'http1';
  requestCount = 0;
  readonly #handler: ClientConnectionHandler;
  readonly #reader: HeadReader;
  readonly #parser: HeadParser;
  readonly #body: BodyReader;
  #phase: Phase = 'idle';
  #stream: Http1ClientStream | null = null;
  #isDraining = false;
  #isProcessing = false;

  /** Takes over a connection to a server. */
  constructor(connection: Connection, handler: ClientConnectionHandler, limits: MessageLimits) {
    this.connection = connection;
    this.#handler = handler;
    this.#reader = new HeadReader({ kind: 'response', maxBytes: limits.maxHeadBytes, lenient: limits.lenient });
    this.#parser = new HeadParser(limits);
    this.#body = new BodyReader({ maxBytes: limits.maxHeadBytes, maxFields: limits.maxFields });
    connection.setHandler(this);
  }

  get activeStreams(): number {
    return this.#phase === 'idle' || this.#phase === 'closed' ? 0 : 1;
  }

  get capacity(): number {
    return this.#phase === 'idle' && !this.#isDraining && !this.connection.isClosed ? 1 : 0;
  }

  get isClosed(): boolean {
    return this.#phase === 'closed' || this.connection.isClosed;
  }

  open(sink: ResponseSink): ClientStream {
    assert(this.capacity > 0, 'no capacity for another stream');
    this.#phase = 'head';
    this.requestCount++;
    this.#stream = new Http1ClientStream(this, sink);
    return this.#stream;
  }

  drain(): void {
    this.#isDraining = true;
    if (this.#phase === 'idle') this.#end();
  }

  close(): void {
    this.#fail({ kind: 'localClose' });
  }

  onData(bytes: Buffer): void {
    let at = 0;
    this.#isProcessing = true;
    while (at < bytes.length && this.#phase !== 'closed') {
      switch (this.#phase) {
        case 'head':
          at = this.#readHead(bytes, at);
          break;
        case 'body':
          at = this.#readBody(bytes, at);
          break;
        case 'tunnel':
          this.#stream?.receive(at === 0 ? bytes : bytes.subarray(at), false);
          at = bytes.length;
          break;
        case 'idle':
        case 'settling':
          // Bytes that nobody asked for: what follows on this connection cannot be trusted.
          this.#end();
          break;
      }
    }
    this.#isProcessing = false;
    this.#settle();
  }

  onDrain(): void {
    this.#stream?.onWritable();
  }

  onEnd(): void {
    if (this.#phase === 'tunnel') {
      this.#stream?.receive(emptyBytes, true);
      return;
    }
    if (this.#phase === 'body') this.#body.finish(this);
    const isCutOff = this.#phase === 'head' ? this.#reader.hasBegun : this.#body.fault !== null;
    this.#fail(
      isCutOff
        ? { kind: 'protocolError', detail: faults.truncated.message }
        : { kind: 'connectionClosed', reset: false, detail: 'the server closed the connection' },
    );
  }

  onClose(error: Error | null): void {
    this.#fail(abortCauseOf(error));
    this.#handler.onClose(this);
  }

  onBody(bytes: Buffer, end: boolean): void {
    if (end) this.#phase = 'settling';
    this.#stream?.receive(bytes, end);
  }

  onTrailers(trailers: HeaderMap): void {
    this.#phase = 'settling';
    this.#stream?.receiveTrailers(trailers);
  }

  setPaused(isPaused: boolean): void {
    if (isPaused) this.connection.pause();
    else this.connection.resume();
  }

  onTunnelEnd(): void {
    this.#phase = 'closed';
    this.connection.end();
  }

  #readHead(bytes: Buffer, from: number): number {
    const reader = this.#reader;
    const stream = this.#stream;
    if (stream === null || !stream.hasSentHead) {
      this.#fail({ kind: 'protocolError', detail: 'a response before its request' });
      return bytes.length;
    }
    const outcome = reader.read(bytes, from);
    if (outcome === 'incomplete') {
      stream.bytesReceived += bytes.length - from;
      return bytes.length;
    }
    const parser = this.#parser;
    const head =
      outcome === 'complete' ? parser.parseResponse(reader.bytes, reader.start, reader.end, stream.method) : null;
    if (head === null) {
      const fault = outcome === 'fault' ? reader.fault : (reader.diagnose() ?? parser.fault);
      this.#fail({ kind: 'protocolError', detail: fault?.message ?? '' });
      return bytes.length;
    }
    const { next } = reader;
    stream.bytesReceived += next - from;
    this.#takeHead(stream, head);
    return next;
  }

  #takeHead(stream: Http1ClientStream, head: ResponseHead): void {
    if (head.status === 101 && stream.upgrade === null) {
      this.#fail({ kind: 'protocolError', detail: faults.unaskedUpgrade.message });
    } else if (head.status === 101 || (stream.method === 'CONNECT' && head.status >= 200 && head.status < 300)) {
      this.#phase = 'tunnel';
      stream.becomeTunnel();
      stream.receiveHead(head, false);
    } else if (head.status < 200) {
      stream.receiveInformational(head);
    } else {
      const { framing, keepAliveHint } = this.#parser;
      this.#body.start(framing, head.contentLength);
      if (keepAliveHint !== null) this.#takeHint(keepAliveHint);
      this.#phase = framing === 'none' ? 'settling' : 'body';
      stream.receiveHead(head, framing === 'none');
    }
  }

  #readBody(bytes: Buffer, from: number): number {
    const next = this.#body.read(bytes, from, this);
    const { fault } = this.#body;
    if (fault !== null) this.#fail({ kind: 'protocolError', detail: fault.message });
    return next;
  }

  #takeHint(hint: string): void {
    const timeoutMs = parseKeepAliveTimeoutMs(hint);
    if (timeoutMs >= 0) this.#handler.onKeepAliveHint(this, timeoutMs);
  }

  /** After a complete response: ready for the next request, or of no more use. */
  #settle(): void {
    if (this.#phase !== 'settling' || this.#isProcessing) return;
    const stream = this.#stream;
    this.#stream = null;
    const canBeReused = this.#parser.isPersistent && stream?.hasEnded === true && !this.#isDraining;
    if (!canBeReused || this.connection.isClosed) {
      this.#end();
      return;
    }
    this.#phase = 'idle';
    this.connection.resume();
    this.#handler.onCapacity(this);
  }

  /** Nothing is under way: drops the connection. */
  #end(): void {
    this.#phase = 'closed';
    this.#stream = null;
    this.#body.stop();
    this.connection.destroy();
  }

  #fail(cause: AbortCause): void {
    const stream = this.#stream;
    this.#end();
    stream?.fail(cause);
  }
}
