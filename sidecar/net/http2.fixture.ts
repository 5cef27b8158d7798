import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { systemClock } from '#shared/runtime/clock.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead } from '../http1/message.ts';
import { defaultHttp2Options, type Http2Options } from '../http2/options.ts';
import { connectionOf } from '../transport/connection-of.ts';
import { aResponse } from './http1.fixture.ts';
import { Http2ClientConnection } from './http2-client-connection.ts';
import { Http2ServerConnection } from './http2-server-connection.ts';
import type { ClientConnectionHandler, RequestSink, ServerConnectionHandler, ServerStream } from './http-stream.ts';
import { TimerWheel } from './timer-wheel.ts';

/** Answers with what it gets: body, and trailers if there are any; `/size/N` with N octets; a request without a body with `hello`. */
export class EchoHandler implements ServerConnectionHandler {
  /** Called with each request first; true: it is taken care of. */
  onEach: ((stream: ServerStream, head: RequestHead) => RequestSink | null) | null = null;

  onRequest(stream: ServerStream, head: RequestHead, end: boolean): RequestSink {
    const own = this.onEach?.(stream, head) ?? null;
    if (own !== null) return own;
    const size = /^\/size\/(\d+)$/.exec(head.path);
    if (size !== null) return new Source(stream, Number(size[1]));
    stream.sendHead(aResponse({ contentLength: -1 }), false);
    if (end) stream.sendData(Buffer.from('hello'), true);
    return new Echo(stream);
  }

  onBadRequest(stream: ServerStream, bad: { status: number }): void {
    stream.sendHead(aResponse({ status: bad.status }), true);
  }

  onMalformed(): void {}

  onClose(): void {}
}

class Echo implements RequestSink {
  readonly #stream: ServerStream;

  constructor(stream: ServerStream) {
    this.#stream = stream;
  }

  onData(bytes: Buffer, end: boolean): void {
    if (!this.#stream.sendData(Buffer.from(bytes), end) && !end) this.#stream.pauseRequest();
  }

  onTrailers(trailers: HeaderMap): void {
    this.#stream.sendTrailers(trailers);
  }

  onWritable(): void {
    this.#stream.resumeRequest();
  }

  onAbort(): void {}
}

class Source implements RequestSink {
  readonly #stream: ServerStream;
  readonly #chunk = Buffer.alloc(32 * 1024, 'x');
  #left: number;

  constructor(stream: ServerStream, size: number) {
    this.#stream = stream;
    this.#left = size;
    stream.sendHead(aResponse({ contentLength: size }), size === 0);
    this.onWritable();
  }

  onWritable(): void {
    while (this.#left > 0) {
      const size = Math.min(this.#left, this.#chunk.length);
      this.#left -= size;
      if (!this.#stream.sendData(this.#chunk.subarray(0, size), this.#left === 0)) return;
    }
  }

  onData(): void {}
  onTrailers(): void {}
  onAbort(): void {}
}

/** A server on a free port of the loopback whose connections are ours. */
export class Http2TestServer {
  readonly handler: ServerConnectionHandler;
  readonly wheel = new TimerWheel(systemClock);
  readonly connections: Http2ServerConnection[] = [];
  readonly #server: net.Server;
  readonly #options: Http2Options;

  constructor(handler: ServerConnectionHandler = new EchoHandler(), options: Partial<Http2Options> = {}) {
    this.handler = handler;
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on('error', () => undefined);
      this.serve(socket);
    });
    this.#options = { ...defaultHttp2Options, ...options };
  }

  /** Takes a socket that was accepted elsewhere (TLS). */
  serve(socket: net.Socket): Http2ServerConnection {
    const setup = { options: this.#options, wheel: this.wheel };
    const connection = new Http2ServerConnection(connectionOf(socket, null), this.handler, setup);
    this.connections.push(connection);
    return connection;
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const each of this.connections) each.close();
    this.wheel.close();
  }
}

/** What a pool would be told. */
export class ClientRecorder implements ClientConnectionHandler {
  capacity = 0;
  closed = 0;

  onCapacity(): void {
    this.capacity++;
  }

  onKeepAliveHint(): void {}

  onClose(): void {
    this.closed++;
  }
}

/** A connection of ours to a port of the loopback. */
export async function connectHttp2(
  port: number,
  handler: ClientConnectionHandler = new ClientRecorder(),
  options: Partial<Http2Options> = {},
): Promise<Http2ClientConnection> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  const setup = { options: { ...defaultHttp2Options, ...options }, wheel: new TimerWheel(systemClock) };
  return new Http2ClientConnection(connectionOf(socket, null), handler, setup);
}
