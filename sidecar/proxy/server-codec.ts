/**
 * Which HTTP a downstream connection speaks: as its listener says, else what the TLS handshake settled, else by its first bytes,
 * as Envoy's codec type AUTO: HTTP/2 begins with a preface that no HTTP/1 request can begin with (RFC 9113 3.4).
 */
import { Buffer } from 'node:buffer';
import { defaultHttp2Options, type Http2Options } from '../http2/options.ts';
import type { ServerConnectionHandler } from '../net/http-stream.ts';
import { Http1ServerConnection } from '../net/http1-server-connection.ts';
import { Http2ServerConnection } from '../net/http2-server-connection.ts';
import { WheelTimer, type TimerWheel } from '../net/timer-wheel.ts';
import type { HttpManager } from '../snapshot/listener.ts';
import type { Connection, ConnectionHandler } from '../transport/transport.ts';

/** What drains and closes downstream connections knows of them. */
export interface ServerConnection {
  /** No request is under way. */
  readonly isIdle: boolean;
  /** Takes no further request, and closes when those under way are done. */
  drain(): void;
  close(): void;
}

export type ServerCodecSetup = Readonly<{ wheel: TimerWheel; manager: HttpManager; compat: 'tulle' | 'istio' }>;

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Takes over a connection, whose requests go to `handler`. */
export function serveHttp(
  connection: Connection,
  handler: ServerConnectionHandler,
  setup: ServerCodecSetup,
): ServerConnection {
  const known = knownProtocol(connection, setup.manager);
  return known === null
    ? new UndecidedConnection(connection, handler, setup)
    : openCodec(known, connection, handler, setup);
}

type Protocol = 'http1' | 'http2';

function knownProtocol({ tls }: Connection, { codec }: HttpManager): Protocol | null {
  if (codec !== 'auto') return codec;
  // Any other name may have been taken only because Node cannot go on without one: the first bytes tell.
  return tls?.alpn === 'h2' || tls?.alpn === 'istio-h2' ? 'http2' : null;
}

type Codec = ServerConnection & ConnectionHandler;

function openCodec(
  protocol: Protocol,
  connection: Connection,
  handler: ServerConnectionHandler,
  { wheel, manager, compat }: ServerCodecSetup,
): Codec {
  if (protocol === 'http2')
    return new Http2ServerConnection(connection, handler, { wheel, options: http2Options(manager) });
  return new Http1ServerConnection(connection, handler, {
    wheel,
    options: {
      maxHeadBytes: manager.maxHeadersKb * 1024,
      maxFields: manager.maxHeadersCount,
      lenient: compat === 'istio',
      idleTimeoutMs: manager.idleTimeoutMs,
      headTimeoutMs: headTimeout(manager, compat),
      delayedCloseMs: manager.delayedCloseTimeoutMs,
      maxDiscardBytes: 64 * 1024,
    },
  });
}

/** Envoy has no limit of its own for how long a head may take. */
function headTimeout({ requestHeadersTimeoutMs }: HttpManager, compat: 'tulle' | 'istio'): number {
  if (requestHeadersTimeoutMs > 0) return requestHeadersTimeoutMs;
  return compat === 'istio' ? 0 : 60_000;
}

/** For a preface, and for what else of HTTP/2 has begun and does not come. */
function prefaceTimeout({ requestHeadersTimeoutMs }: HttpManager): number {
  return requestHeadersTimeoutMs > 0 ? requestHeadersTimeoutMs : defaultHttp2Options.headTimeoutMs;
}

const optionsOf = new WeakMap<HttpManager, Http2Options>();

function http2Options(manager: HttpManager): Http2Options {
  let options = optionsOf.get(manager);
  if (options === undefined) {
    options = {
      ...defaultHttp2Options,
      ...manager.http2,
      maxHeaderListBytes: manager.maxHeadersKb * 1024,
      maxFields: manager.maxHeadersCount,
      headTimeoutMs: prefaceTimeout(manager),
      // Where a stream may be idle for ever, an answer may still not wait for its client's window for ever.
      streamIdleTimeoutMs:
        manager.streamIdleTimeoutMs > 0 ? manager.streamIdleTimeoutMs : defaultHttp2Options.streamIdleTimeoutMs,
      idleTimeoutMs: manager.idleTimeoutMs,
      delayedCloseMs: manager.delayedCloseTimeoutMs,
    };
    optionsOf.set(manager, options);
  }
  return options;
}

/** A connection that has not said yet what it speaks. */
class UndecidedConnection implements ServerConnection, ConnectionHandler {
  readonly #connection: Connection;
  readonly #handler: ServerConnectionHandler;
  readonly #setup: ServerCodecSetup;
  readonly #timer: WheelTimer;
  /** The beginning of a preface. */
  #begun: Buffer = Buffer.alloc(0);
  #codec: Codec | null = null;

  constructor(connection: Connection, handler: ServerConnectionHandler, setup: ServerCodecSetup) {
    this.#connection = connection;
    this.#handler = handler;
    this.#setup = setup;
    this.#timer = new WheelTimer(setup.wheel, { onTimeout: () => this.close() });
    if (setup.manager.idleTimeoutMs > 0) this.#timer.start(setup.manager.idleTimeoutMs);
    connection.setHandler(this);
  }

  get isIdle(): boolean {
    return this.#codec?.isIdle ?? true;
  }

  drain(): void {
    if (this.#codec === null) this.close();
    else this.#codec.drain();
  }

  close(): void {
    if (this.#codec === null) this.#connection.destroy();
    else this.#codec.close();
  }

  onData(bytes: Buffer): void {
    const input = this.#begun.length === 0 ? bytes : Buffer.concat([this.#begun, bytes]);
    const isPreface = preface.subarray(0, input.length).equals(input.subarray(0, preface.length));
    if (isPreface && input.length < preface.length) {
      // No longer idle: what has begun has the time of a head.
      if (this.#begun.length === 0) this.#timer.start(prefaceTimeout(this.#setup.manager));
      this.#begun = Buffer.from(input);
      return;
    }
    this.#timer.stop();
    this.#codec = openCodec(isPreface ? 'http2' : 'http1', this.#connection, this.#handler, this.#setup);
    this.#codec.onData(input);
  }

  onDrain(): void {
    // Nothing was written.
  }

  onEnd(): void {
    this.#connection.end();
    this.#connection.destroy();
  }

  onClose(): void {
    this.#timer.stop();
    this.#handler.onClose();
  }
}
