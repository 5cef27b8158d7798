/**
 * One attempt of an exchange: takes a stream of the chosen host's pool, sends head and body, and tells its owner how it went.
 * Every attempt ends in exactly one of `onFailed`, `onResponseEnd` or `cancel`, and is reported once to the host's outlier state.
 */
import type { MeshError } from '#shared/runtime/mesh-error.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { AbortCause, ClientConnection, ClientStream, ResponseSink } from '../net/http-stream.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { PendingStream, PoolFailure, StreamWaiter } from '../upstream/connection-pool.ts';
import type { Host } from '../upstream/host.ts';
import { protocolFor } from '../upstream/upstream-protocol.ts';
import { outlierStatus } from './attempt-outcome.ts';
import type { RequestBody } from './request-body.ts';

/** How an attempt can fail. */
export type AttemptFailure =
  | Readonly<{ kind: 'connectFailure'; reason: string; isTimeout: boolean }>
  | Readonly<{ kind: 'overflow' }>
  | Readonly<{ kind: 'refused' }>
  | Readonly<{ kind: 'reset'; isRemoteReset: boolean }>
  | Readonly<{ kind: 'protocolError'; detail: string }>
  | Readonly<{ kind: 'perTryTimeout' }>
  | Readonly<{ kind: 'routeTimeout' }>;

/** Who made the attempt. */
export interface AttemptOwner {
  readonly request: RequestHead;
  readonly body: RequestBody;
  readonly isGrpc: boolean;
  /** A gRPC status in trailers counts for outlier detection as well. */
  readonly judgesTrailers: boolean;
  readonly priority: 'default' | 'high';
  /** Puts the facts of this attempt into the head, right before it is sent. */
  prepareHead(attempt: Attempt): void;
  onInformational(head: ResponseHead): void;
  onResponseHead(attempt: Attempt, head: ResponseHead, end: boolean): void;
  onResponseData(bytes: Buffer, end: boolean): void;
  onResponseTrailers(trailers: HeaderMap): void;
  onRequestWritable(): void;
  onFailed(attempt: Attempt, failure: AttemptFailure): void;
}

export class Attempt implements StreamWaiter, ResponseSink {
  readonly host: Host;
  readonly number: number;
  readonly #owner: AttemptOwner;
  readonly #cluster: Cluster;
  #pending: PendingStream | null = null;
  #stream: ClientStream | null = null;
  #isOver = false;
  #isHeadSeen = false;
  /** Status of a head that is judged when its trailers are here; 0: there is none. */
  #unjudged = 0;
  /** `upstreamLocalAddress` and failure text for the access log. */
  localAddress = '';
  failureReason = '';
  peerUriSan = '';
  /** Of the connection, as the access log names it. */
  protocol = '';
  sentAtMs = 0;
  /** Its connection, of HTTP/1.1, had carried other requests before: it may have been dead already, without our knowing. */
  isOnKept = false;

  constructor(owner: AttemptOwner, cluster: Cluster, host: Host, number: number) {
    this.#owner = owner;
    this.#cluster = cluster;
    this.host = host;
    this.number = number;
  }

  /** The stream that takes the request's body, when there is one. */
  get stream(): ClientStream | null {
    return this.#stream;
  }

  /** Whether response bytes may still come. */
  get isOver(): boolean {
    return this.#isOver;
  }

  start(): void {
    const breaker = this.#cluster.breakers[this.#owner.priority];
    const protocol = protocolFor(this.#cluster.config.http, this.#owner.request);
    const pending = this.host.pool(protocol).newStream(this, breaker);
    if (this.#stream === null && !this.#isOver) this.#pending = pending;
  }

  onReady(connection: ClientConnection): void {
    this.#pending = null;
    const local = connection.connection;
    this.localAddress = local.localName;
    this.peerUriSan = local.tls?.peerUriSans[0] ?? '';
    this.protocol = connection.protocol === 'http2' ? 'HTTP/2' : 'HTTP/1.1';
    this.isOnKept = connection.protocol === 'http1' && connection.requestCount > 0;
    this.#cluster.reportLocal(this.host, 'connectSuccess');
    const stream = connection.open(this);
    this.#stream = stream;
    this.#owner.prepareHead(this);
    const { body, request } = this.#owner;
    const endsWithHead = body.endsWithHead;
    stream.sendHead(request, endsWithHead);
    if (this.#isOver) return;
    if (body.replay(stream) && !this.#isOver) this.#owner.onRequestWritable();
  }

  onFailure(failure: PoolFailure, error: MeshError): void {
    this.#pending = null;
    if (failure === 'overflow') return this.#fail({ kind: 'overflow' });
    this.failureReason = error.message;
    this.#cluster.reportLocal(this.host, 'connectFailed');
    this.#cluster.spare(this.host);
    this.#fail({ kind: 'connectFailure', reason: error.message, isTimeout: failure === 'connectTimeout' });
  }

  onInformational(head: ResponseHead): void {
    this.#owner.onInformational(head);
  }

  onHead(head: ResponseHead, end: boolean): void {
    if (this.#isOver) return;
    this.#isHeadSeen = true;
    if (end) this.#isOver = true;
    const { isGrpc, judgesTrailers } = this.#owner;
    if (judgesTrailers && !end && !head.headers.has('grpc-status')) this.#unjudged = head.status;
    else this.#cluster.reportStatus(this.host, outlierStatus(head.status, head.headers, isGrpc));
    this.#owner.onResponseHead(this, head, end);
  }

  onData(bytes: Buffer, end: boolean): void {
    if (this.#isOver) return;
    if (end) {
      this.#isOver = true;
      if (this.#unjudged > 0) this.#cluster.reportStatus(this.host, this.#unjudged);
    }
    this.#owner.onResponseData(bytes, end);
  }

  onTrailers(trailers: HeaderMap): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#unjudged > 0) this.#cluster.reportStatus(this.host, outlierStatus(this.#unjudged, trailers, true));
    this.#owner.onResponseTrailers(trailers);
  }

  onWritable(): void {
    if (!this.#isOver) this.#owner.onRequestWritable();
  }

  onAbort(cause: AbortCause): void {
    if (this.#isOver) return;
    // Also after a head, as in Envoy (Filter::onUpstreamReset).
    this.#cluster.reportLocal(this.host, 'connectFailed');
    switch (cause.kind) {
      case 'connectionClosed':
        return this.#fail({ kind: 'reset', isRemoteReset: false });
      case 'protocolError':
        return this.#fail({ kind: 'protocolError', detail: cause.detail });
      case 'refused':
        this.#cluster.spare(this.host);
        return this.#fail({ kind: 'refused' });
      case 'streamReset':
        return this.#fail({ kind: 'reset', isRemoteReset: true });
      case 'timeout':
      case 'localClose':
        return this.#fail({ kind: 'reset', isRemoteReset: false });
    }
  }

  /** Its time ran out. */
  timeOut(kind: 'perTryTimeout' | 'routeTimeout'): void {
    if (this.#isOver) return;
    this.host.stats.rq_timeout++;
    // Who has begun to answer in time is not to blame (Filter::onResponseTimeout of Envoy).
    if (!this.#isHeadSeen) this.#cluster.reportLocal(this.host, 'timeout');
    this.#abandon();
    this.#owner.onFailed(this, { kind });
  }

  /** Gives up without a word to the owner: the client went away, or another answer stands. */
  cancel(): void {
    if (!this.#isOver) this.#abandon();
  }

  #fail(failure: AttemptFailure): void {
    this.#isOver = true;
    this.#owner.onFailed(this, failure);
  }

  #abandon(): void {
    this.#isOver = true;
    this.#pending?.cancel();
    this.#pending = null;
    this.#stream?.abort();
  }
}
