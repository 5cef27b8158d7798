/**
 * One request and its response, from the first byte to the log line.
 *
 *   onRequest -> admit (clean headers, normalise path) -> route -> filters in order (reply, delay, go on)
 *             -> redirect | direct response | forward (forward.ts: attempts) -> response filters -> downstream
 *             -> finish, exactly once: access log, metrics, also when somebody went away
 *
 * The plan is read once, here. The exchange owns its record, its heads and the request's body; the attempts belong to `Forward`.
 */
import type { Random } from '#shared/runtime/random.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { AbortCause, BadRequest, RequestSink, ServerStream } from '../net/http-stream.ts';
import type { CompiledRoute, RouteTarget } from '../routing/compiled-route.ts';
import type { HttpFilterOverrides } from '../snapshot/http-filter.ts';
import { AccessRecord } from '../telemetry/access-record.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { lacksAuthority } from '../upstream/upstream-protocol.ts';
import { mayUpgrade } from './upgrade.ts';
import { FilterRun, type FilterRunOwner } from './filter-run.ts';
import type { LocalReply } from './filter.ts';
import { closeRecord, mayRefuse, mayEndInTrailers, recordAbort, recordCutOff, waitsForEnd } from './exchange-end.ts';
import type { ExchangeHost, Observation, ReceivedRequest } from './exchange-host.ts';
import { Forward, type ForwardOwner } from './forward.ts';
import { CallMessages, type LiveCall } from './grpc-messages.ts';
import { refusalText, settleContentType, toGrpcTrailers, toResponse } from './local-response.ts';
import type { HttpService, Plan } from './plan.ts';
import { noAuthority, rescue, type Failure } from './rescue.ts';
import { openRecord, recordRoute } from './open-record.ts';
import { answerExpectation, directReply, grpcStatusIn, isGrpcCall, redirectReply } from './own-replies.ts';
import { RequestBody } from './request-body.ts';
import { type StreamIdle, watchIdle, type WatchedStream } from './stream-idle.ts';

/** `isBare`: without the headers that the route sets. */
type HeadFacts = Readonly<{ end: boolean; upstreamMs: number; isLocal: boolean; isBare: boolean }>;

const noOverrides: readonly HttpFilterOverrides[] = [];

export class Exchange implements RequestSink, FilterRunOwner, ForwardOwner, WatchedStream, LiveCall {
  readonly request: RequestHead;
  readonly record = new AccessRecord();
  readonly service: HttpService;
  readonly host: ExchangeHost;
  readonly stream: ServerStream;
  readonly plan: Plan;
  readonly body: RequestBody;
  readonly isGrpc: boolean;
  /** Null of what is not gRPC. */
  readonly messages: CallMessages | null;
  readonly startedAtMs: number;
  readonly random: Random;
  route: CompiledRoute | null = null;
  target: RouteTarget | null = null;
  cluster: Cluster | null = null;
  #forward: Forward | null = null;
  readonly #filters: FilterRun;
  #isResponseStarted = false;
  #isFinished = false;
  #setCookie: string | null = null;
  #idle: StreamIdle | null = null;

  constructor(host: ExchangeHost, service: HttpService, { stream, head, end }: ReceivedRequest) {
    this.host = host;
    this.service = service;
    this.stream = stream;
    this.request = head;
    this.random = host.random;
    this.plan = host.currentPlan();
    this.body = new RequestBody(end);
    this.startedAtMs = host.clock.monotonic();
    this.isGrpc = isGrpcCall(head.headers);
    this.messages = this.isGrpc ? new CallMessages() : null;
    this.#filters = new FilterRun(service.filters, host.clock, this);
    openRecord(this.record, head, stream, host.clock.now());
  }

  get remoteAddress(): string {
    return this.stream.connection.remoteAddress;
  }
  get remotePort(): number {
    return this.stream.connection.remotePort;
  }
  get localAddress(): string {
    return this.stream.connection.localAddress;
  }
  get localPort(): number {
    return this.stream.connection.localPort;
  }
  get tls() {
    return this.stream.connection.tls;
  }
  get clusterName(): string {
    return this.target?.clusterName ?? '';
  }
  get overrides(): readonly HttpFilterOverrides[] {
    return this.target?.overrides ?? this.route?.overrides ?? noOverrides;
  }
  get compat(): 'tulle' | 'istio' {
    return this.service.compat;
  }
  get isResponseStarted(): boolean {
    return this.#isResponseStarted;
  }
  /** Milliseconds since the request began. */
  get elapsedMs(): number {
    return this.host.clock.monotonic() - this.startedAtMs;
  }

  start(): void {
    if (this.body.hasEnded) this.record.requestDurationMs = 0;
    const refusal = this.service.hooks.admit(this.request, this.stream.connection, this.record);
    if (refusal !== null) return this.reply(refusal);
    this.#chooseRoute();
    const { upgrades, proxiesContinue } = this.service.manager;
    const { upgrade, expectsContinue } = this.request;
    if (upgrade !== null && !mayUpgrade(upgrade, upgrades, this.route)) return this.fail({ kind: 'upgradeRefused' });
    if (expectsContinue && !proxiesContinue) answerExpectation(this.stream, this.request);
    this.#idle = watchIdle(this);
    this.#filters.start();
  }

  /** Answers a request that could not be read; its connection closes afterwards. */
  refuse(bad: BadRequest): void {
    this.fail({ ...bad, kind: 'badRequest', message: refusalText(bad, this.service.compat) });
  }

  #chooseRoute(): void {
    const { routes } = this.service.manager;
    const table = this.service.table ?? (routes.kind === 'rds' ? (this.plan.routes.get(routes.name) ?? null) : null);
    this.route = table?.find(this.request, this) ?? null;
    this.target = this.route?.chooseTarget(this.request, this.random) ?? null;
    this.cluster = this.target === null ? null : (this.plan.clusters.get(this.target.clusterName) ?? null);
    recordRoute(this.record, this.route, this.cluster);
  }

  /** A filter delays the request. */
  onDelay(flag: string): void {
    this.record.addFlag(flag);
  }

  /** All filters let the request pass. */
  onPassed(): void {
    const { route } = this;
    if (route === null) return this.fail({ kind: 'noRoute' });
    const { action } = route.config;
    switch (action.kind) {
      case 'redirect':
        return this.reply(redirectReply(action.status, route.location?.(this.request) ?? ''));
      case 'direct':
        return this.reply(directReply(action.status, action.body));
      case 'nonForwarding':
        return this.fail({ kind: 'noCluster', status: 503 });
      case 'forward':
        if (this.cluster === null) return this.fail({ kind: 'noCluster', status: action.clusterNotFoundStatus });
        if (lacksAuthority(this.cluster.config.http, this.request)) return this.fail(noAuthority);
        this.#forward = new Forward(this, this.cluster, route, action);
        return this.#forward.start();
    }
  }

  /** A cookie that the answer sets so that the client comes back to the same endpoint. */
  setAffinityCookie(cookie: string): void {
    this.#setCookie = cookie;
  }

  // ------------------------------------------------------------------ downstream events

  onData(bytes: Buffer, end: boolean): void {
    if (end) this.record.requestDurationMs = this.elapsedMs;
    if (this.#isFinished) return;
    this.#idle?.touch();
    if (end && this.#isTunnel) return this.#leaveTunnel(bytes);
    this.messages?.requests.take(bytes);
    const stream = this.#forward?.requestStream ?? null;
    if (!this.body.receive(bytes, end, stream)) this.stream.pauseRequest();
    if (end) this.#forward?.onRequestEnd();
  }

  /** An upgraded connection is over when its client ends it, as in Envoy: HTTP/1.1 has no half-closed streams. */
  get #isTunnel(): boolean {
    return this.#isResponseStarted && this.record.status === 101;
  }

  #leaveTunnel(lastBytes: Buffer): void {
    if (lastBytes.length > 0) this.body.receive(lastBytes, false, this.#forward?.requestStream ?? null);
    this.onAbort({ kind: 'connectionClosed', reset: false, detail: 'the client ended the tunnel' });
    this.stream.abort();
  }

  onTrailers(trailers: HeaderMap): void {
    this.record.requestDurationMs = this.elapsedMs;
    if (this.#isFinished) return;
    this.body.receiveTrailers(trailers, this.#forward?.requestStream ?? null);
    this.#forward?.onRequestEnd();
  }

  onWritable(): void {
    this.#forward?.resumeResponse();
  }

  onAbort(cause: AbortCause): void {
    if (this.#isFinished) return;
    recordAbort(this.record, cause, this.#isResponseStarted);
    this.#forward?.cancel();
    this.#finish();
  }

  /** Nothing moved for too long. */
  onTimeout(): void {
    this.fail({ kind: 'idleTimeout', isRequestWhole: this.body.hasEnded });
  }

  /** Fails the exchange: a local reply or a refusal if nothing was sent yet, else trailers if they can tell it, else it is cut off. */
  fail(failure: Failure, wasRetried = false, hasWaited = false): void {
    if (this.#isFinished) return;
    if (!hasWaited && waitsForEnd(failure, this, () => this.fail(failure, wasRetried, true))) return;
    const reply = rescue(failure, wasRetried, this.compat);
    if (!this.#isResponseStarted && !(mayRefuse(failure, this) && this.stream.refuse())) return this.reply(reply);
    recordCutOff(this.record, reply, this.#isResponseStarted);
    this.#forward?.cancel();
    if (this.isGrpc && mayEndInTrailers(failure, this.record.response)) return this.sendTrailers(toGrpcTrailers(reply));
    this.stream.abort();
    this.#finish();
  }

  /** Answers by ourselves. */
  reply(reply: LocalReply): void {
    if (this.#isFinished) return;
    this.#forward?.cancel();
    this.record.addFlag(reply.flag);
    this.record.details = reply.details;
    const { head, body } = toResponse(reply, this.isGrpc);
    const isBodyless = this.request.method === 'HEAD' || body.length === 0;
    this.#sendHead(head, { end: isBodyless, upstreamMs: -1, isLocal: true, isBare: reply.skipsRouteHeaders === true });
    if (!isBodyless) this.relayData(body, true);
  }

  /** Sends on a response head from upstream. `end`: there is no body. */
  respond(head: ResponseHead, end: boolean, upstreamMs: number): void {
    this.record.details = 'via_upstream';
    // An answer that came before the request was whole took no time that could be told.
    const isTold = this.body.hasEnded && head.status !== 101;
    this.#sendHead(head, { end, upstreamMs: isTold ? upstreamMs : -1, isLocal: false, isBare: false });
  }

  #sendHead(head: ResponseHead, { end, upstreamMs, isLocal, isBare }: HeadFacts): void {
    this.record.status = head.status;
    this.record.response = head;
    if (this.#setCookie !== null) head.headers.add('set-cookie', this.#setCookie);
    this.#filters.onResponse(head);
    if (!isBare) this.route?.applyResponseHeaders(head, this.target, this.record);
    if (isLocal) settleContentType(head, this.isGrpc);
    if (this.#forward !== null && this.route?.virtualHost.attemptCountInResponse === true)
      head.headers.set('x-envoy-attempt-count', String(this.record.attempts));
    this.service.hooks.beforeResponse(head, { request: this.request, isLocal, upstreamMs });
    this.record.grpcStatus = grpcStatusIn(head.headers);
    this.#isResponseStarted = true;
    if (this.isGrpc && !end) this.host.calls.begin(this, isGrpcCall(head.headers));
    this.#idle?.touch();
    this.stream.sendHead(head, end);
    if (end) this.#finish();
  }

  /** Sends body bytes on, which are only valid during the call. False: wait for `onWritable`. */
  relayData(bytes: Buffer, end: boolean): boolean {
    this.#idle?.touch();
    this.record.bytesSent += bytes.length;
    if (this.messages?.isAnsweredInKind === true) this.messages.responses.take(bytes);
    const isWritable = this.stream.relayData(bytes, end);
    if (end) this.#finish();
    return isWritable;
  }

  sendTrailers(trailers: HeaderMap): void {
    this.record.trailers = trailers;
    const status = grpcStatusIn(trailers);
    if (status >= 0) this.record.grpcStatus = status;
    this.stream.sendTrailers(trailers);
    this.#finish();
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#filters.end();
    this.#idle?.stop();
    this.record.durationMs = this.elapsedMs;
    closeRecord(this.record, this.body, this.stream, this.isGrpc);
    if (this.messages !== null) this.host.calls.end(this.messages);
    this.host.observe(this.observation(), this.messages);
    for (const log of this.service.accessLogs) log.log(this.record);
  }

  /** What this exchange is counted by. */
  observation(): Observation {
    const { record, service, isGrpc, tls, cluster } = this;
    const host = this.#forward?.chosenHost ?? null;
    return { record, direction: service.direction, isGrpc, tls, cluster, host };
  }
}
