/**
 * The forwarding of one exchange: cluster, host, attempts with their timeouts and retries, until a response goes down or the
 * exchange fails. It decides nothing about what is a retry (upstream/retry-state.ts) or which host (upstream/cluster.ts).
 *
 * Timeouts (Envoy): the route's starts when the whole request has been received, covers retries and back-off and is final; the
 * per-try timeout starts then too, or with the attempt, and can be retried.
 */
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { ClientStream, ServerStream } from '../net/http-stream.ts';
import type { CompiledRoute, RouteTarget } from '../routing/compiled-route.ts';
import { hashKeyOf } from '../routing/hash-key.ts';
import type { ForwardAction } from '../snapshot/route.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import { xxHash64 } from '../upstream/balancers/xxhash64.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import { RetryState, type RetryDecision } from '../upstream/retry-state.ts';
import { countResponse, resetKind, toFailure } from './attempt-outcome.ts';
import { Attempt, type AttemptFailure, type AttemptOwner } from './attempt.ts';
import { effectiveTimeoutMs, expectedTimeoutMs, tellGrpcTimeout } from './grpc-timeout.ts';
import { sendMirrors } from './mirror.ts';
import type { HttpService, Plan } from './plan.ts';
import { destinationOf } from './redirected.ts';
import type { RequestBody } from './request-body.ts';
import type { Failure } from './rescue.ts';
import { retryPlanOf } from './retry-plans.ts';
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
  readonly stream: ServerStream;
  readonly target: RouteTarget | null;
  readonly isResponseStarted: boolean;
  readonly elapsedMs: number;
  setAffinityCookie(cookie: string): void;
  respond(head: ResponseHead, end: boolean, upstreamMs: number): void;
  sendData(bytes: Buffer, end: boolean): boolean;
  sendTrailers(trailers: HeaderMap): void;
  fail(failure: Failure, wasRetried?: boolean): void;
}

export class Forward implements AttemptOwner {
  readonly priority: 'default' | 'high';
  readonly #owner: ForwardOwner;
  readonly #cluster: Cluster;
  readonly #route: CompiledRoute;
  readonly #action: ForwardAction;
  readonly #timeoutMs: number;
  readonly #perTryTimeoutMs: number;
  #retry: RetryState | null = null;
  #attempt: Attempt | null = null;
  #attempts = 0;
  #requestEndedAtMs = 0;
  #hash: bigint | null = null;
  #avoided: Set<Host> | null = null;
  #routeTimer: (() => void) | null = null;
  #tryTimer: (() => void) | null = null;
  #backoffTimer: (() => void) | null = null;
  #isOver = false;

  constructor(owner: ForwardOwner, cluster: Cluster, route: CompiledRoute, action: ForwardAction) {
    this.#owner = owner;
    this.#cluster = cluster;
    this.#route = route;
    this.#action = action;
    this.priority = action.priority;
    this.#timeoutMs = effectiveTimeoutMs(action, owner.request.headers, owner.isGrpc);
    this.#perTryTimeoutMs = (action.retry ?? route.virtualHost.retry)?.perTryTimeoutMs ?? 0;
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
  get requestStream(): ClientStream | null {
    return this.#attempt?.stream ?? null;
  }

  /** The host of the last attempt. */
  get chosenHost(): Host | null {
    return this.#attempt?.host ?? null;
  }

  start(): void {
    const { request, record, host, service, stream } = this.#owner;
    const hashing = hashKeyOf(this.#action.hashPolicies, {
      head: request,
      remoteAddress: stream.connection.remoteAddress,
      random: host.random,
    });
    this.#hash = hashing.key === null ? null : xxHash64(Buffer.from(hashing.key, 'latin1'));
    if (hashing.setCookie !== null) this.#owner.setAffinityCookie(hashing.setCookie);
    const policy = this.#action.retry ?? this.#route.virtualHost.retry;
    if (policy !== null) {
      const context = {
        plan: retryPlanOf(policy, service.compat),
        breaker: this.#cluster.breakers[this.priority],
        stats: this.#cluster.stats,
        random: host.random,
      };
      this.#retry = new RetryState(context, request);
    }
    this.#route.applyRequestHeaders(request, this.#owner.target, record);
    if (this.#action.mirrors.length > 0) sendMirrors(this.#action.mirrors, this.#owner);
    if (this.body.hasEnded) this.onRequestEnd();
    if (this.#isOver) return;
    this.#tryNext();
  }

  /** The whole request is here: the timeouts begin. */
  onRequestEnd(): void {
    if (this.#isOver || this.#isTunnel) return;
    this.#requestEndedAtMs = this.#owner.elapsedMs;
    this.#startRouteTimer();
    this.#startTryTimer();
  }

  get #isTunnel(): boolean {
    return this.#owner.request.upgrade !== null;
  }

  #startRouteTimer(): void {
    if (this.#timeoutMs <= 0 || this.#routeTimer !== null) return;
    this.#routeTimer = this.#owner.host.clock.after(this.#timeoutMs, () => this.#onRouteTimeout());
  }

  #startTryTimer(): void {
    const attempt = this.#attempt;
    const isDue = this.body.hasEnded && !this.#owner.isResponseStarted;
    if (this.#perTryTimeoutMs <= 0 || this.#tryTimer !== null || attempt === null || !isDue) return;
    this.#tryTimer = this.#owner.host.clock.after(this.#perTryTimeoutMs, () => attempt.timeOut('perTryTimeout'));
  }

  #onRouteTimeout(): void {
    this.#routeTimer = null;
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
    this.#attempt = new Attempt(this, this.#cluster, host, this.#attempts);
    record.upstreamHost = host.key;
    this.#attempt.start();
    this.#startTryTimer();
  }

  // ------------------------------------------------------------------ events of the attempt

  prepareHead(attempt: Attempt): void {
    const { host, service, request, record } = this.#owner;
    if (this.#route.rewritesHostToEndpoint && attempt.host.endpoint.hostname !== '')
      request.authority = attempt.host.endpoint.hostname;
    attempt.sentAtMs = host.clock.monotonic();
    record.upstreamLocalAddress = attempt.localAddress;
    record.upstreamPeerUriSan = attempt.peerUriSan;
    const expected = this.#expectedTimeoutMs();
    if (this.isGrpc && this.#action.tellsGrpcTimeout) tellGrpcTimeout(request.headers, expected);
    service.hooks.beforeAttempt(request, {
      attempt: attempt.number,
      tellsAttempt: this.#route.virtualHost.includeAttemptCount,
      expectedTimeoutMs: expected,
    });
  }

  #expectedTimeoutMs(): number {
    const spent = this.#timeoutMs > 0 && this.body.hasEnded ? this.#owner.elapsedMs - this.#requestEndedAtMs : 0;
    return expectedTimeoutMs(this.#timeoutMs, this.#perTryTimeoutMs, spent);
  }

  onInformational(head: ResponseHead): void {
    if (head.status === 100) this.#owner.stream.sendContinue();
    else this.#owner.stream.sendInformational(head);
  }

  onResponseHead(attempt: Attempt, head: ResponseHead, end: boolean): void {
    this.#stopTryTimer();
    const decision = this.#retry === null || !this.body.isWhole ? 'no' : this.#retry.shouldRetryHeaders(head);
    if (decision === 'retry') {
      if (!end) attempt.cancel();
      return this.#backOff();
    }
    this.#flag(decision);
    countResponse(this.#cluster, attempt.host, head.status);
    this.#retry?.close(head.status < 500);
    this.#owner.record.responseDurationMs = this.#owner.elapsedMs;
    if (this.#isTunnel || end) this.#stopTimers();
    if (end) this.#isOver = true;
    this.body.forget();
    this.#owner.respond(head, end, this.#owner.host.clock.monotonic() - attempt.sentAtMs);
  }

  onResponseData(bytes: Buffer, end: boolean): void {
    if (end) this.#complete();
    const isWritable = this.#owner.sendData(Buffer.from(bytes), end);
    if (!isWritable && !end) this.#attempt?.stream?.pauseResponse();
  }

  onResponseTrailers(trailers: HeaderMap): void {
    this.#complete();
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
    this.#stopTryTimer();
    this.#owner.record.upstreamTransportFailureReason = attempt.failureReason;
    attempt.host.stats.rq_error++;
    if (this.#owner.isResponseStarted) return this.#end(toFailure(failure));
    const decision =
      this.#retry === null || !this.body.isWhole
        ? 'no'
        : this.#retry.shouldRetryReset(resetKind(failure), attempt.stream?.bytesSent ?? 0);
    if (decision === 'retry') return this.#backOff();
    this.#flag(decision);
    this.#end(toFailure(failure));
  }

  /** The client went away, or a local answer stands. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTimers();
    this.#attempt?.cancel();
    this.#retry?.close(false);
  }

  #backOff(): void {
    this.#attempt = null;
    const delayMs = this.#retry?.backoffMs() ?? 0;
    if (delayMs <= 0) return this.#tryNext();
    this.#backoffTimer = this.#owner.host.clock.after(delayMs, () => {
      this.#backoffTimer = null;
      this.#tryNext();
    });
  }

  #flag(decision: RetryDecision): void {
    if (decision === 'limitExceeded') this.#owner.record.addFlag('URX');
    if (decision === 'overflow') this.#owner.record.addFlag('UO');
  }

  #complete(): void {
    this.#isOver = true;
    this.#stopTimers();
  }

  #end(failure: Failure): void {
    if (this.#isOver) return;
    this.#complete();
    this.#retry?.close(false);
    this.#owner.fail(failure, this.#attempts > 1);
  }

  #stopTryTimer(): void {
    this.#tryTimer?.();
    this.#tryTimer = null;
  }

  #stopTimers(): void {
    this.#stopTryTimer();
    this.#routeTimer?.();
    this.#backoffTimer?.();
    this.#routeTimer = this.#backoffTimer = null;
  }
}
