/**
 * The forwarding of one exchange: cluster, host, attempts with their timeouts and retries, until a response goes down or the
 * exchange fails. It decides nothing about what is a retry (upstream/retry-state.ts) or which host (upstream/cluster.ts).
 *
 * Timeouts (Envoy): the route's starts when the whole request has been received, covers retries and back-off and is final; the
 * per-try timeout starts then too, or with the attempt, and can be retried. A deadline (grpc-timeout.ts) counts from the first byte.
 */
import type { Buffer } from 'node:buffer';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { ClientStream, ServerStream } from '../net/http-stream.ts';
import type { CompiledRoute, RouteTarget } from '../routing/compiled-route.ts';
import type { ForwardAction } from '../snapshot/route.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import type { RetryDecision, RetryState } from '../upstream/retry-state.ts';
import { countCall, countResponse, mayRenew, resetKind, toFailure } from './attempt-outcome.ts';
import { Attempt, type AttemptFailure, type AttemptOwner } from './attempt.ts';
import { hashOf, openRetry } from './forward-setup.ts';
import { ForwardTimers } from './forward-timers.ts';
import { tellGrpcTimeout } from './grpc-timeout.ts';
import { sendMirrors } from './mirror.ts';
import type { HttpService, Plan } from './plan.ts';
import { destinationOf } from './redirected.ts';
import type { RequestBody } from './request-body.ts';
import type { Failure } from './rescue.ts';
import type { ExchangeHost } from './exchange-host.ts';

/** The exchange, as its forwarding sees it. */
export interface ForwardOwner {
  readonly host: ExchangeHost;
  readonly service: HttpService;
  readonly plan: Plan;
  readonly request: RequestHead;
  readonly record: AccessRecord;
  readonly body: RequestBody;
  readonly isGrpc: boolean;
  /** Whose defaults hold. */
  readonly compat: 'tulle' | 'istio';
  readonly stream: ServerStream;
  readonly target: RouteTarget | null;
  readonly isResponseStarted: boolean;
  readonly elapsedMs: number;
  setAffinityCookie(cookie: string): void;
  respond(head: ResponseHead, end: boolean, upstreamMs: number): void;
  relayData(bytes: Buffer, end: boolean): boolean;
  sendTrailers(trailers: HeaderMap): void;
  fail(failure: Failure, wasRetried?: boolean): void;
}

export class Forward extends ForwardTimers implements AttemptOwner {
  readonly priority: 'default' | 'high';
  readonly #owner: ForwardOwner;
  readonly #cluster: Cluster;
  readonly #route: CompiledRoute;
  readonly #action: ForwardAction;
  #retry: RetryState | null = null;
  #attempt: Attempt | null = null;
  #attempts = 0;
  #hash: bigint | null = null;
  #avoided: Set<Host> | null = null;
  /** A dead connection was met and replaced. */
  #wasRenewed = false;
  #isOver = false;

  constructor(owner: ForwardOwner, cluster: Cluster, route: CompiledRoute, action: ForwardAction) {
    super(owner, action, (action.retry ?? route.virtualHost.retry)?.perTryTimeoutMs ?? 0);
    this.#owner = owner;
    this.#cluster = cluster;
    this.#route = route;
    this.#action = action;
    this.priority = action.priority;
  }

  protected get elapsedMs(): number {
    return this.#owner.elapsedMs;
  }
  get request(): RequestHead {
    return this.#owner.request;
  }
  get body(): RequestBody {
    return this.#owner.body;
  }
  get isGrpc(): boolean {
    return this.#owner.isGrpc;
  }
  /** Envoy only looks at the status of a head: a call that fails after its first message is a success for its host. */
  get judgesTrailers(): boolean {
    return this.#owner.isGrpc && this.#owner.compat === 'tulle';
  }
  get requestStream(): ClientStream | null {
    return this.#attempt?.stream ?? null;
  }

  /** The host of the last attempt. */
  get chosenHost(): Host | null {
    return this.#attempt?.host ?? null;
  }

  start(): void {
    const { request, record } = this.#owner;
    this.#hash = hashOf(this.#action, this.#owner);
    const policy = this.#action.retry ?? this.#route.virtualHost.retry;
    if (policy !== null) this.#retry = openRetry(policy, this.#owner, this.#cluster, this.priority);
    this.#route.applyRequestHeaders(request, this.#owner.target, record);
    if (this.#action.mirrors.length > 0) sendMirrors(this.#action.mirrors, this.#owner);
    if (!this.#isTunnel) this.startDeadline();
    if (this.body.hasEnded) this.onRequestEnd();
    if (this.#isOver) return;
    this.#tryNext();
  }

  /** The whole request is here: the timeouts begin. */
  onRequestEnd(): void {
    if (this.#isOver || this.#isTunnel) return;
    this.startRouteTimeout();
    this.#startTryTimeout();
  }

  get #isTunnel(): boolean {
    return this.#owner.request.upgrade !== null;
  }

  #startTryTimeout(): void {
    const isDue = this.body.hasEnded && !this.#owner.isResponseStarted;
    if (isDue && this.#attempt !== null) this.startTryTimeout(this.#attempt);
  }

  /** Envoy ends a stream whose duration is over without a word to the router: no timeout is counted, and no host is to blame. */
  protected onDeadline(): void {
    if (this.#action.streamDuration === null) return this.onRouteTimeout();
    this.#attempt?.cancel();
    this.#end({ kind: 'streamDuration', isRequestWhole: this.body.hasEnded });
  }

  protected onRouteTimeout(): void {
    this.#cluster.stats.upstream_rq_timeout++;
    if (this.#attempt !== null && !this.#attempt.isOver) this.#attempt.timeOut('routeTimeout');
    else this.#end({ kind: 'routeTimeout' });
  }

  #tryNext(): void {
    const policy = this.#action.retry ?? this.#route.virtualHost.retry;
    const { record, service, stream } = this.#owner;
    record.attempts = ++this.#attempts;
    const host = this.#cluster.pick({
      hash: this.#hash,
      exclude: this.#avoided ?? undefined,
      attempts: policy?.hostSelectionAttempts,
      destination: destinationOf(service, this.request, stream.connection),
    });
    if (host === null) return this.#end({ kind: 'noHealthyHost' });
    if (policy?.avoidPreviousHosts === true) (this.#avoided ??= new Set()).add(host);
    this.#begin(host);
  }

  #begin(host: Host): void {
    this.#attempt = new Attempt(this, this.#cluster, host, this.#attempts);
    this.#owner.record.upstreamHost = host.key;
    this.#attempt.start();
    this.#startTryTimeout();
  }

  // ------------------------------------------------------------------ events of the attempt

  prepareHead(attempt: Attempt): void {
    const { host, service, request, record } = this.#owner;
    if (this.#route.rewritesHostToEndpoint && attempt.host.endpoint.hostname !== '')
      request.authority = attempt.host.endpoint.hostname;
    attempt.sentAtMs = host.clock.monotonic();
    record.upstreamLocalAddress = attempt.localAddress;
    record.upstreamPeerUriSan = attempt.peerUriSan;
    record.upstreamProtocol = attempt.protocol;
    const expected = this.expectedMs(attempt.number);
    if (this.isGrpc) tellGrpcTimeout(request.headers, this.#action, expected);
    service.hooks.beforeAttempt(request, {
      attempt: attempt.number,
      tellsAttempt: this.#route.virtualHost.includeAttemptCount,
      expectedTimeoutMs: expected,
    });
  }

  onInformational(head: ResponseHead): void {
    if (head.status === 100) this.#owner.stream.sendContinue();
    else this.#owner.stream.sendInformational(head);
  }

  onResponseHead(attempt: Attempt, head: ResponseHead, end: boolean): void {
    this.stopTryTimeout();
    const decision = this.#retry === null || !this.body.isWhole ? 'no' : this.#retry.shouldRetryHeaders(head);
    if (decision === 'retry') {
      attempt.host.stats.rq_error++;
      if (!end) attempt.cancel();
      return this.#backOff();
    }
    this.#flag(decision);
    countResponse(this.#cluster, attempt.host, head, { end, isGrpc: this.isGrpc });
    this.#retry?.close(head.status < 500);
    this.#owner.record.responseDurationMs = this.#owner.elapsedMs;
    if (this.#isTunnel || end) this.stopTimers();
    if (end) this.#isOver = true;
    this.body.forget();
    this.#owner.respond(head, end, this.#owner.host.clock.monotonic() - attempt.sentAtMs);
  }

  onResponseData(bytes: Buffer, end: boolean): void {
    if (end) this.#complete(null);
    const isWritable = this.#owner.relayData(bytes, end);
    if (!isWritable && !end) this.#attempt?.stream?.pauseResponse();
  }

  onResponseTrailers(trailers: HeaderMap): void {
    this.#complete(trailers);
    this.#owner.sendTrailers(trailers);
  }

  /** The client takes bytes again. */
  resumeResponse(): void {
    this.#attempt?.stream?.resumeResponse();
  }

  onRequestWritable(): void {
    this.#owner.stream.resumeRequest();
  }

  onFailed(attempt: Attempt, failure: AttemptFailure): void {
    this.stopTryTimeout();
    this.#owner.record.upstreamTransportFailureReason = attempt.failureReason;
    attempt.host.stats.rq_error++;
    if (this.#owner.isResponseStarted) return this.#end(toFailure(failure));
    const decision =
      this.#retry === null || !this.body.isWhole
        ? 'no'
        : this.#retry.shouldRetryReset(resetKind(failure), attempt.stream?.bytesSent ?? 0);
    if (decision === 'retry') return this.#backOff();
    if (decision === 'no' && !this.#wasRenewed && this.#mayRenew(attempt, failure)) return this.#renew(attempt.host);
    this.#flag(decision);
    this.#end(toFailure(failure));
  }

  #mayRenew(attempt: Attempt, failure: AttemptFailure): boolean {
    const { compat, request } = this.#owner;
    return compat === 'tulle' && this.body.isWhole && mayRenew(attempt, failure, request);
  }

  /** Asks the same host once more, on a new connection; another, if it is gone from the cluster. */
  #renew(host: Host): void {
    this.#wasRenewed = true;
    if (host.isRemoved) return this.#tryNext();
    this.#owner.record.attempts = ++this.#attempts;
    host.renewPools();
    this.#begin(host);
  }

  /** The client went away, or a local answer stands. */
  cancel(): void {
    if (this.#isOver) return;
    this.#stop();
    this.#attempt?.cancel();
    this.#retry?.close(false);
  }

  #backOff(): void {
    this.#attempt = null;
    const delayMs = this.#retry?.backoffMs() ?? 0;
    if (delayMs <= 0) return this.#tryNext();
    this.startBackOff(delayMs, () => this.#tryNext());
  }

  #flag(decision: RetryDecision): void {
    if (decision === 'limitExceeded') this.#owner.record.addFlag('URX');
    if (decision === 'overflow') this.#owner.record.addFlag('UO');
  }

  /** The response is whole. */
  #complete(trailers: HeaderMap | null): void {
    if (this.isGrpc && this.#attempt !== null) countCall(this.#attempt.host, this.#owner.record.status, trailers);
    this.#stop();
  }

  #stop(): void {
    this.#isOver = true;
    this.stopTimers();
  }

  #end(failure: Failure): void {
    if (this.#isOver) return;
    this.#stop();
    this.#retry?.close(false);
    this.#owner.fail(failure, this.#attempts > 1);
  }
}
