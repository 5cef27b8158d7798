import { Buffer } from 'node:buffer';
import assert from 'node:assert/strict';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead } from '../http1/message.ts';
import { errorCode } from '../http2/frames.ts';
import type { FieldLines, FieldSection } from '../http2/field-section.ts';
import type { Session } from '../http2/session.ts';
import type { Http2Stream, StreamEvents, StreamFailure } from '../http2/stream.ts';
import type { Connection } from '../transport/transport.ts';
import { linesOfTrailers, toTrailers } from './http2-fields.ts';
import { completeUpgrade, encodeRequest, toResponseHead } from './http2-heads.ts';
import type { AbortCause, ClientStream, ResponseSink } from './http-stream.ts';

const emptyBytes = Buffer.alloc(0);

/** What a stream needs of its connection. */
export interface Http2ClientStreamOwner {
  readonly connection: Connection;
  /** Octets of the session's output that the operating system took. */
  readonly bytesTaken: number;
  abortCauseOf(failure: StreamFailure): AbortCause;
  /** Has `onSettings` of this stream called when the server's SETTINGS are here. */
  awaitSettings(stream: Http2ClientStream): void;
}

/** The client's side of one HTTP/2 exchange. */
export class Http2ClientStream implements ClientStream, StreamEvents {
  readonly connection: Connection;
  readonly #owner: Http2ClientStreamOwner;
  readonly #session: Session;
  readonly #stream: Http2Stream;
  readonly #sink: ResponseSink;
  #hasSentHead = false;
  #method = '';
  #upgrade: string | null = null;
  #webSocketKey: string | null = null;
  #isTunnel = false;
  /** Of the body that was declared; -1: not declared. */
  #remaining = -1;
  #isDone = false;
  /** The head of an upgrade that waits for the server's SETTINGS, and what came behind it. */
  #waitingHead: RequestHead | null = null;
  #waitingData: Buffer[] = [];

  constructor(owner: Http2ClientStreamOwner, session: Session, stream: Http2Stream, sink: ResponseSink) {
    this.connection = owner.connection;
    this.#owner = owner;
    this.#session = session;
    this.#stream = stream;
    this.#sink = sink;
  }

  get bytesReceived(): number {
    return this.#stream.bytesReceived;
  }

  get bytesSent(): number {
    const { outputStart, bytesSent } = this.#stream;
    if (outputStart < 0) return 0;
    return Math.max(Math.min(this.#owner.bytesTaken - outputStart, bytesSent), 0);
  }

  sendHead(head: RequestHead, end: boolean): void {
    if (this.#isDone) return;
    assert(!this.#hasSentHead, 'a second request head');
    const isForTunnel = head.upgrade !== null || head.method === 'CONNECT';
    assert(!end || head.contentLength <= 0, 'a content-length without a body');
    this.#hasSentHead = true;
    this.#method = head.method;
    this.#upgrade = head.upgrade;
    this.#stream.isBodyless = head.method === 'HEAD';
    if (isForTunnel) this.#stream.isTunnel = true;
    else if (!end) this.#remaining = head.contentLength;
    if (head.upgrade !== null) return this.#sendUpgrade(head);
    encodeRequest(this.#session, head, end || isForTunnel);
    this.#session.sendHead(this.#stream, end && !isForTunnel);
  }

  #sendUpgrade(head: RequestHead): void {
    const isTaken = this.#session.takesUpgrades;
    if (isTaken === null) {
      this.#waitingHead = head;
      this.#owner.awaitSettings(this);
    } else if (isTaken) {
      this.#webSocketKey = head.headers.get('sec-websocket-key') ?? null;
      encodeRequest(this.#session, head, true);
      this.#session.sendHead(this.#stream, false);
    } else {
      queueMicrotask(() => this.#refuseUpgrade());
    }
  }

  /** The server's SETTINGS are here. */
  onSettings(): void {
    const head = this.#waitingHead;
    if (head === null || this.#isDone) return;
    this.#waitingHead = null;
    this.#session.postpone(this.#stream);
    this.#sendUpgrade(head);
    if (this.#session.takesUpgrades !== true) return;
    for (const bytes of this.#waitingData.splice(0)) this.#session.sendData(this.#stream, bytes, false);
    this.#sink.onWritable();
  }

  sendData(bytes: Buffer, end: boolean): boolean {
    if (this.#isDone || !this.#hasSentHead) return true;
    if (this.#waitingHead !== null) {
      // Of a tunnel that is not open yet, which nobody ends before.
      this.#waitingData.push(bytes);
      return false;
    }
    if (this.#remaining >= 0) {
      assert(bytes.length <= this.#remaining, 'more body than its content-length');
      this.#remaining -= bytes.length;
      if (end && this.#remaining > 0) {
        // The server would wait for the rest, so there is no answer to hope for.
        this.abort();
        return true;
      }
    }
    return this.#session.sendData(this.#stream, bytes, end);
  }

  sendTrailers(trailers: HeaderMap): void {
    if (this.#isDone || !this.#hasSentHead) return;
    if (this.#remaining > 0) this.abort();
    else this.#session.sendTrailers(this.#stream, linesOfTrailers(trailers));
  }

  pauseResponse(): void {
    if (!this.#isDone) this.#session.pause(this.#stream);
  }

  resumeResponse(): void {
    if (!this.#isDone) this.#session.resume(this.#stream);
  }

  abort(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#session.reset(this.#stream, errorCode.cancel);
  }

  /** Only for the session, as is all below. */
  onHead(section: FieldSection, end: boolean): void {
    if (this.#isDone) return;
    const head = toResponseHead(section, end, this.#method === 'HEAD');
    if (head.status < 200) {
      this.#sink.onInformational(head);
      return;
    }
    const isSuccess = head.status < 300;
    if (isSuccess && (this.#upgrade !== null || this.#method === 'CONNECT')) {
      this.#onTunnelHead(head, end);
      return;
    }
    if (this.#stream.isTunnel) {
      // Refused: our side, which was left open for the tunnel, has nothing to say.
      this.#stream.isTunnel = false;
      this.#session.sendData(this.#stream, emptyBytes, true);
    }
    this.#isDone = end;
    this.#sink.onHead(head, end);
  }

  onData(bytes: Buffer, end: boolean): void {
    if (this.#isDone) return;
    if (end && !this.#isTunnel) this.#isDone = true;
    this.#sink.onData(bytes, end);
  }

  onTrailers(fields: FieldLines): void {
    if (this.#isDone) return;
    if (this.#isTunnel) {
      this.#sink.onData(emptyBytes, true);
      return;
    }
    this.#isDone = true;
    this.#sink.onTrailers(toTrailers(fields));
  }

  onWritable(): void {
    if (!this.#isDone) this.#sink.onWritable();
  }

  onSent(): void {}

  onFailure(failure: StreamFailure): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#sink.onAbort(this.#owner.abortCauseOf(failure));
  }

  #onTunnelHead(head: ReturnType<typeof toResponseHead>, end: boolean): void {
    this.#isTunnel = true;
    if (this.#upgrade !== null) completeUpgrade(head, this.#upgrade, this.#webSocketKey);
    this.#sink.onHead(head, false);
    if (end && !this.#isDone) this.#sink.onData(emptyBytes, true);
  }

  /** A server that has not said that it takes extended CONNECT must not get one (RFC 8441 3). */
  #refuseUpgrade(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#session.reset(this.#stream, errorCode.cancel);
    this.#sink.onAbort({ kind: 'protocolError', detail: 'the server does not take extended CONNECT (RFC 8441 3)' });
  }
}
