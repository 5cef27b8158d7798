/**
 * One upstream HTTP/2 connection: as many requests side by side as the server, and we, allow for.
 *
 *     bytes <- Session <- Http2ClientStream <- proxy
 *     bytes -> Session -> the sink of each stream
 *
 * Owned by a pool, whose handler is told of capacity and of the end; owns its `Connection`.
 */
import type { Http2Stream } from '../http2/stream.ts';
import type { Connection } from '../transport/transport.ts';
import { Http2ClientStream, type Http2ClientStreamOwner } from './http2-client-stream.ts';
import { Http2Connection } from './http2-connection.ts';
import type { Http2Setup } from './http2-options.ts';
import type { ClientConnection, ClientConnectionHandler, ClientStream, ResponseSink } from './http-stream.ts';

export class Http2ClientConnection extends Http2Connection implements ClientConnection, Http2ClientStreamOwner {
  readonly protocol = 'http2';
  requestCount = 0;
  readonly #handler: ClientConnectionHandler;
  #waiting: Http2ClientStream[] = [];

  /** Takes over a connection to a server. The idle time of the setup is not looked at: that is the pool's. */
  constructor(connection: Connection, handler: ClientConnectionHandler, setup: Http2Setup) {
    super(connection, 'client', setup);
    this.#handler = handler;
    this.begin();
  }

  get activeStreams(): number {
    return this.openStreams;
  }

  get capacity(): number {
    return this.isOpen ? this.session.capacity : 0;
  }

  get isClosed(): boolean {
    return !this.isOpen;
  }

  open(sink: ResponseSink): ClientStream {
    const stream = this.session.open(this.now());
    const client = new Http2ClientStream(this, this.session, stream, sink);
    stream.events = client;
    this.requestCount++;
    return client;
  }

  drain(): void {
    this.session.drain();
    this.endIfDone();
  }

  /** Only a server's session has requests. */
  onRequest(_stream: Http2Stream): void {}

  onBadRequest(): boolean {
    return false;
  }

  awaitSettings(stream: Http2ClientStream): void {
    this.#waiting.push(stream);
  }

  onCapacity(): void {
    if (this.#waiting.length > 0 && this.session.takesUpgrades !== null) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const stream of waiting) stream.onSettings();
    }
    if (this.isOpen) this.#handler.onCapacity(this);
  }

  onGoaway(): void {
    this.session.drain();
  }

  protected override onGone(): void {
    this.#handler.onClose(this);
  }

  protected override onIdleTimeout(): void {}
}
