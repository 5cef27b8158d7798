/**
 * One downstream HTTP/2 connection: its requests side by side, each a stream.
 *
 *     bytes -> Session -> onRequest, then the sink of each stream
 *     bytes <- Session <- Http2ServerStream <- proxy
 *
 * Owned by the listener; owns its `Connection`.
 */
import { faults, type Http2Fault } from '../http2/protocol-error.ts';
import type { FieldSection } from '../http2/field-section.ts';
import type { Http2Stream } from '../http2/stream.ts';
import type { Connection } from '../transport/transport.ts';
import { Http2Connection } from './http2-connection.ts';
import { toRequestHead } from './http2-heads.ts';
import type { Http2Setup } from './http2-options.ts';
import { Http2ServerStream, type Http2StreamOwner } from './http2-server-stream.ts';
import type { BadRequest, ServerConnectionHandler } from './http-stream.ts';

export class Http2ServerConnection extends Http2Connection implements Http2StreamOwner {
  readonly #handler: ServerConnectionHandler;

  /** Takes over a connection, from its preface on, whose requests go to `handler`. */
  constructor(connection: Connection, handler: ServerConnectionHandler, setup: Http2Setup) {
    super(connection, 'server', setup);
    this.#handler = handler;
    this.begin();
  }

  /** No request is under way. */
  get isIdle(): boolean {
    return this.openStreams === 0;
  }

  /** Tells the client by GOAWAY, in two steps, and closes when what is under way is done. */
  drain(): void {
    this.session.drain();
    this.onOutput();
  }

  onRequest(stream: Http2Stream, section: FieldSection, end: boolean): void {
    const head = toRequestHead(section, end, this.connection.tls === null ? 'http' : 'https');
    const isForTunnel = section.method === 'CONNECT';
    const server = new Http2ServerStream(this, this.session, stream, head);
    stream.events = server;
    server.attach(this.#handler.onRequest(server, head, end || isForTunnel));
  }

  /** Most malformed requests are reset, as Envoy does; what HTTP/1.1 has a status of its own for is answered with it. */
  onBadRequest(stream: Http2Stream, section: FieldSection, fault: Http2Fault): boolean {
    const answer = answers.get(fault);
    const { method, path, authority } = section;
    // The answer to a HEAD has no body; a CONNECT that is refused is no tunnel to be.
    const facts = { method: method === 'CONNECT' ? '' : method, upgrade: null, expectsContinue: false };
    const server = new Http2ServerStream(this, this.session, stream, facts);
    const bad = { ...(answer ?? reset), message: fault.message, version: 'HTTP/2', method, path, authority } as const;
    if (answer === undefined) {
      this.#handler.onMalformed(server, bad);
      return false;
    }
    stream.events = server;
    this.#handler.onBadRequest(server, bad);
    return true;
  }

  onCapacity(): void {}

  /** The client opens no more; what is under way goes on. */
  onGoaway(): void {
    this.drain();
  }

  protected override onGone(): void {
    this.#handler.onClose();
  }

  protected override onIdleTimeout(): void {
    this.drain();
  }
}

const reset = { status: 400, details: 'http2.violation.of.messaging.rule' } as const;

const answers: ReadonlyMap<Http2Fault, Pick<BadRequest, 'status' | 'details'>> = new Map([
  [faults.fieldsTooLarge, { status: 431, details: 'http2.headers_too_large' } as const],
  [faults.tooManyFields, { status: 431, details: 'http2.too_many_headers' } as const],
  [faults.expectation, { status: 417, details: 'http2.codec_error' } as const],
]);
