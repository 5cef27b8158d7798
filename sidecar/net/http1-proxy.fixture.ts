import net from 'node:net';
import { systemClock } from '#shared/runtime/clock.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import { connectionOf } from '../transport/connection-of.ts';
import { ReadInlet } from '../transport/read-inlet.ts';
import { Http1ClientConnection } from './http1-client-connection.ts';
import { defaultHttp1Options } from './http1-options.ts';
import { Http1ServerConnection } from './http1-server-connection.ts';
import { aResponse } from './http1.fixture.ts';
import type { ClientStream, RequestSink, ResponseSink, ServerConnectionHandler, ServerStream } from './http-stream.ts';
import { TimerWheel } from './timer-wheel.ts';

/** The smallest proxy that there can be over the two connections: one upstream, no routes, no retries. For tests and benches. */
export class PlainProxy implements ServerConnectionHandler {
  readonly server: net.Server;
  readonly wheel = new TimerWheel(systemClock);
  readonly connections = new Set<Http1ServerConnection>();
  upstreamConnections = 0;
  readonly #idle: Http1ClientConnection[] = [];
  readonly #all = new Set<Http1ClientConnection>();
  readonly #upstreamPort: number;

  constructor(upstreamPort: number) {
    this.#upstreamPort = upstreamPort;
    this.server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const setup = { options: defaultHttp1Options, wheel: this.wheel };
      this.connections.add(new Http1ServerConnection(connectionOf(socket, null), this, setup));
    });
  }

  onRequest(stream: ServerStream, head: RequestHead, end: boolean): RequestSink {
    const exchange = new Exchange(stream, head, end);
    let idle = this.#idle.pop();
    while (idle !== undefined && idle.capacity === 0) idle = this.#idle.pop();
    if (idle === undefined) this.#connect(exchange);
    else exchange.start(idle);
    return exchange;
  }

  onBadRequest(stream: ServerStream, bad: { status: number }): void {
    stream.sendHead(aResponse({ status: bad.status }), true);
  }

  onMalformed(): void {}

  onClose(): void {
    for (const each of this.connections) if (each.connection.isClosed) this.connections.delete(each);
  }

  close(): void {
    this.server.close();
    for (const each of this.connections) each.close();
    for (const each of this.#all) each.close();
    this.wheel.close();
  }

  #connect(exchange: Exchange): void {
    const inlet = new ReadInlet();
    const options = { port: this.#upstreamPort, host: '127.0.0.1', allowHalfOpen: true, onread: inlet.onread };
    const socket = net.connect(options, () => {
      this.upstreamConnections++;
      const client = new Http1ClientConnection(
        connectionOf(socket, null, { inlet }),
        {
          onCapacity: (connection) => this.#idle.push(connection as Http1ClientConnection),
          onKeepAliveHint: () => {},
          onClose: () => {
            this.#all.delete(client);
            const at = this.#idle.indexOf(client);
            if (at >= 0) this.#idle.splice(at, 1);
          },
        },
        defaultHttp1Options,
      );
      this.#all.add(client);
      exchange.start(client);
    });
    socket.on('error', () => exchange.fail());
  }
}

/** The request's half: what the client sends goes upstream, or waits for the connection. */
class Exchange implements RequestSink {
  readonly #down: ServerStream;
  readonly #head: RequestHead;
  readonly #endsWithHead: boolean;
  readonly #early: ((up: ClientStream) => void)[] = [];
  #up: ClientStream | null = null;
  #isOver = false;

  constructor(down: ServerStream, head: RequestHead, end: boolean) {
    this.#down = down;
    this.#head = head;
    this.#endsWithHead = end;
    if (!end) down.pauseRequest();
  }

  start(client: Http1ClientConnection): void {
    if (this.#isOver) {
      client.close();
      return;
    }
    const answer = new Answer(this.#down);
    const up = client.open(answer);
    answer.up = up;
    this.#up = up;
    up.sendHead(this.#head, this.#endsWithHead);
    for (const send of this.#early) send(up);
    this.#down.resumeRequest();
  }

  fail(): void {
    if (this.#up === null && !this.#isOver) this.#down.sendHead(aResponse({ status: 503 }), true);
  }

  onData(bytes: Buffer, end: boolean): void {
    const owned = Buffer.from(bytes);
    if (this.#up === null) this.#early.push((up) => up.sendData(owned, end));
    else if (!this.#up.sendData(owned, end)) this.#down.pauseRequest();
  }

  onTrailers(trailers: HeaderMap): void {
    if (this.#up === null) this.#early.push((up) => up.sendTrailers(trailers));
    else this.#up.sendTrailers(trailers);
  }

  onWritable(): void {
    this.#up?.resumeResponse();
  }

  onAbort(): void {
    this.#isOver = true;
    this.#up?.abort();
  }
}

/** The response's half. */
class Answer implements ResponseSink {
  up: ClientStream | null = null;
  readonly #down: ServerStream;

  constructor(down: ServerStream) {
    this.#down = down;
  }

  onInformational(head: ResponseHead): void {
    this.#down.sendInformational(head);
  }

  onHead(head: ResponseHead, end: boolean): void {
    this.#down.sendHead(head, end);
  }

  onData(bytes: Buffer, end: boolean): void {
    if (!this.#down.sendData(Buffer.from(bytes), end)) this.up?.pauseResponse();
  }

  onTrailers(trailers: HeaderMap): void {
    this.#down.sendTrailers(trailers);
  }

  onWritable(): void {
    this.#down.resumeRequest();
  }

  onAbort(): void {
    this.#down.abort();
  }
}
