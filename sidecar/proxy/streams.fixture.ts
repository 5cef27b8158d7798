import { MeshError } from '#shared/runtime/mesh-error.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { ClientConnection, ClientStream, ResponseSink, ServerStream } from '../net/http-stream.ts';
import { aResponse } from '../telemetry/heads.fixture.ts';
import { FakeConnection } from '../transport/fake-connection.fixture.ts';
import type { Connection } from '../transport/transport.ts';
import type { PoolScope } from '../upstream/cluster.ts';
import type { ConnectionPool, PoolFailure, StreamWaiter } from '../upstream/connection-pool.ts';

/** The client's side of an exchange: keeps what the proxy sends it. */
export class FakeServerStream implements ServerStream {
  readonly connection: Connection = new FakeConnection();
  readonly informational: number[] = [];
  head: ResponseHead | null = null;
  /** How often a head was sent: once at most. */
  heads = 0;
  body = '';
  trailers: HeaderMap | null = null;
  hasEnded = false;
  isAborted = false;
  /** Whether the client can be told that nothing was done. */
  isRefusable = false;
  isLast = false;
  wasRefused = false;
  isRequestPaused = false;
  wasContinued = false;
  /** What `sendData` says. */
  isWritable = true;
  readonly bytesReceived = 0;
  readonly bytesSent = 0;

  /** Status and body, for comparing. */
  get answer(): string {
    if (this.isAborted) return `${this.head?.status ?? 'nothing'} ${this.body} aborted`;
    return `${this.head?.status ?? 'nothing'} ${this.body}${this.hasEnded ? '' : '...'}`;
  }

  sendInformational(head: ResponseHead): void {
    this.informational.push(head.status);
  }
  sendHead(head: ResponseHead, end: boolean): void {
    this.heads++;
    this.head = head;
    this.hasEnded = end;
  }
  sendData(bytes: Buffer, end: boolean): boolean {
    this.body += bytes.toString('latin1');
    this.hasEnded = end;
    return this.isWritable;
  }
  relayData(bytes: Buffer, end: boolean): boolean {
    return this.sendData(bytes, end);
  }
  sendTrailers(trailers: HeaderMap): void {
    this.trailers = trailers;
    this.hasEnded = true;
  }
  sendContinue(): void {
    this.wasContinued = true;
  }
  pauseRequest(): void {
    this.isRequestPaused = true;
  }
  resumeRequest(): void {
    this.isRequestPaused = false;
  }
  abort(): void {
    this.isAborted = true;
  }
  refuse(): boolean {
    this.wasRefused = this.isRefusable;
    return this.isRefusable;
  }
  closeAfter(): void {}
  takeOver(): Connection {
    return this.connection;
  }
}

/** One attempt as a host sees it: keeps what it is sent, and answers as the test says. */
export class FakeClientStream implements ClientStream {
  readonly connection: Connection = new FakeConnection();
  readonly host: string;
  readonly sink: ResponseSink;
  /** As it was when it was sent. */
  head: RequestHead | null = null;
  body = '';
  trailers: HeaderMap | null = null;
  hasEnded = false;
  isAborted = false;
  isResponsePaused = false;
  isWritable = true;
  bytesSent = 0;
  readonly bytesReceived = 0;

  constructor(host: string, sink: ResponseSink) {
    this.host = host;
    this.sink = sink;
  }

  sendHead(head: RequestHead, end: boolean): void {
    this.head = { ...head, headers: head.headers.clone() };
    this.hasEnded = end;
    this.bytesSent += 100;
  }
  sendData(bytes: Buffer, end: boolean): boolean {
    this.body += bytes.toString('latin1');
    this.bytesSent += bytes.length;
    this.hasEnded = end;
    return this.isWritable;
  }
  sendTrailers(trailers: HeaderMap): void {
    this.trailers = trailers;
    this.hasEnded = true;
  }
  pauseResponse(): void {
    this.isResponsePaused = true;
  }
  resumeResponse(): void {
    this.isResponsePaused = false;
  }
  abort(): void {
    this.isAborted = true;
  }

  /** Answers whole. */
  answer(status: number, body = '', headers: Record<string, string> = {}): void {
    this.sink.onHead(aResponse(status, headers), body === '');
    if (body !== '') this.sink.onData(Buffer.from(body), true);
  }
  /** The host closes the connection. */
  reset(): void {
    this.sink.onAbort({ kind: 'connectionClosed', reset: true, detail: 'ECONNRESET' });
  }
}

/** The hosts of a cluster: their pools give a stream at once, later, or never. */
export class FakeUpstream {
  /** `wait`: until the test calls `connect`. */
  mode: 'ready' | 'wait' | PoolFailure = 'ready';
  /** Streams that were opened, in order. */
  readonly attempts: FakeClientStream[] = [];
  readonly #waiting: { waiter: StreamWaiter; host: string }[] = [];
  cancelled = 0;
  /** How many requests the connections that are given have carried already. */
  keptRequests = 0;

  get last(): FakeClientStream {
    const last = this.attempts.at(-1);
    if (last === undefined) throw new Error('nothing was sent upstream');
    return last;
  }

  /** Those who wait get their stream, or hear of a failure. */
  connect(failure: PoolFailure | null = null): void {
    for (const { waiter, host } of this.#waiting.splice(0)) {
      if (failure === null) this.#open(waiter, host);
      else waiter.onFailure(failure, new MeshError('connect_refused', `${host}: ${failure}`));
    }
  }

  createPool({ host }: PoolScope): ConnectionPool {
    return {
      connections: 0,
      idle: 0,
      pending: 0,
      renew: () => {
        this.keptRequests = 0;
      },
      drain: () => undefined,
      close: () => undefined,
      newStream: (waiter) => {
        if (this.mode === 'ready') this.#open(waiter, host.key);
        else if (this.mode === 'wait') return this.#wait({ waiter, host: host.key });
        else waiter.onFailure(this.mode, new MeshError('connect_refused', `${host.key}: ${this.mode}`));
        return null;
      },
    };
  }

  #wait(entry: { waiter: StreamWaiter; host: string }) {
    this.#waiting.push(entry);
    return {
      cancel: () => {
        this.cancelled++;
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
      },
    };
  }

  #open(waiter: StreamWaiter, host: string): void {
    const connection: ClientConnection = {
      connection: new FakeConnection(),
      protocol: 'http1',
      capacity: 1,
      activeStreams: 0,
      isClosed: false,
      requestCount: this.keptRequests,
      open: (sink) => {
        const stream = new FakeClientStream(host, sink);
        this.attempts.push(stream);
        return stream;
      },
      drain: () => undefined,
      close: () => undefined,
    };
    waiter.onReady(connection);
  }
}
