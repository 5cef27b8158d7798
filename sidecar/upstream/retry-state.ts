import { fullJitterMs } from '#shared/runtime/backoff.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { Breaker } from './circuit.ts';
import { retryOn, type RetryPlan } from './retry-plan.ts';

/** How an attempt ended without a response. */
export type ResetKind =
  /** No connection: refused, unreachable, timed out, TLS failed. */
  | 'connectFailure'
  /** A circuit breaker was open. */
  | 'overflow'
  /** HTTP/2 REFUSED_STREAM, or a stream above the last of a GOAWAY. */
  | 'refusedStream'
  /** The connection closed or was reset, the stream was reset, the protocol broken. */
  | 'reset'
  | 'perTryTimeout'
  /** Of the whole exchange: final. */
  | 'routeTimeout';

/** `limitExceeded` is flag URX, `overflow` is flag UO: it would have been retried, but may not. */
export type RetryDecision = 'retry' | 'no' | 'limitExceeded' | 'overflow';

/** What retries are counted in: the cluster's numbers. */
export type RetryStats = {
  upstream_rq_retry: number;
  upstream_rq_retry_success: number;
  upstream_rq_retry_limit_exceeded: number;
  upstream_rq_retry_overflow: number;
  upstream_rq_retry_backoff_exponential: number;
};

/** What the state of one exchange is made of. */
export type RetryContext = Readonly<{ plan: RetryPlan; breaker: Breaker; stats: RetryStats; random: Random }>;

const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** Whether a request may be carried out twice: by its method (RFC 9110 section 9.2.2), or since it says so. */
export function isRepeatable({ method, headers }: RequestHead): boolean {
  return idempotentMethods.has(method) || headers.has('idempotency-key');
}

/**
 * Decides about retries of one exchange. Made with its request, asked at the end of each attempt before anything went down to the
 * client, closed with the exchange. A retry that was allowed counts in the breaker until the next question or `close`.
 */
export class RetryState {
  readonly #context: RetryContext;
  readonly #conditions: number;
  readonly #isRepeatable: boolean;
  #remaining: number;
  #retries = 0;
  #holdsRetry = false;

  constructor(context: RetryContext, request: RequestHead) {
    const { plan } = context;
    const isEligible = plan.requestHeaders.length === 0 || plan.requestHeaders.some((test) => test(request));
    this.#context = context;
    this.#conditions = isEligible ? plan.conditions : 0;
    this.#remaining = plan.attempts;
    this.#isRepeatable = !plan.safeMethodsOnly || isRepeatable(request);
  }

  /** How many retries were begun. */
  get retries(): number {
    return this.#retries;
  }

  /** Whether a failure could be retried at all: if not, the request's body need not be kept. */
  get isEnabled(): boolean {
    return this.#conditions !== 0 && this.#remaining > 0;
  }

  /** A response's head came. `grpc-status` in trailers after it never counts. */
  shouldRetryHeaders(head: ResponseHead): RetryDecision {
    return this.#decide(this.#wouldRetryHeaders(head), false);
  }

  /** The attempt ended otherwise, after so many bytes of the request were handed on. */
  shouldRetryReset(kind: ResetKind, bytesSent: number): RetryDecision {
    return this.#decide(this.#wouldRetryReset(kind, bytesSent), isUntouched(kind, bytesSent));
  }

  /** How long to wait before the retry that was just allowed: full jitter, so 0 at the least. */
  backoffMs(): number {
    const { plan, stats, random } = this.#context;
    stats.upstream_rq_retry_backoff_exponential++;
    return fullJitterMs(this.#retries, plan.baseIntervalMs, plan.maxIntervalMs, random);
  }

  /** The exchange is over; a good response after a retry counts as its success. */
  close(isSuccess: boolean): void {
    if (isSuccess && this.#retries > 0) this.#context.stats.upstream_rq_retry_success++;
    this.#release();
  }

  #wouldRetryHeaders(head: ResponseHead): boolean {
    const conditions = this.#conditions;
    if (conditions === 0) return false;
    const { plan } = this.#context;
    const { status, headers } = head;
    if (!this.#isRepeatable) return !headers.has('x-envoy-ratelimited') && this.#wouldRetryGrpc(headers);
    if (headers.has('x-envoy-ratelimited')) return (conditions & retryOn['envoy-ratelimited']) !== 0;
    if ((conditions & retryOn['5xx']) !== 0 && status >= 500 && status < 600) return true;
    if ((conditions & retryOn['gateway-error']) !== 0 && status >= 502 && status <= 504) return true;
    if ((conditions & retryOn['retriable-4xx']) !== 0 && status === 409) return true;
    if ((conditions & retryOn['retriable-status-codes']) !== 0 && plan.statusCodes.has(status)) return true;
    if ((conditions & retryOn['retriable-headers']) !== 0)
      for (const test of plan.retriableHeaders) if (test(head)) return true;
    return this.#wouldRetryGrpc(headers);
  }

  /** Every gRPC call is a POST, which says nothing of it: its conditions are meant for just these. */
  #wouldRetryGrpc(headers: HeaderMap): boolean {
    const conditions = this.#conditions & grpcConditions;
    return conditions !== 0 && (conditions & grpcBit(headers.get('grpc-status'))) !== 0;
  }

  #wouldRetryReset(kind: ResetKind, bytesSent: number): boolean {
    const conditions = this.#conditions;
    if (kind === 'overflow' || kind === 'routeTimeout') return false;
    if (!isUntouched(kind, bytesSent) && !this.#isRepeatable) return false;
    if ((conditions & anyReset) !== 0) return true;
    if (kind === 'connectFailure' && (conditions & retryOn['connect-failure']) !== 0) return true;
    if (kind === 'refusedStream' && (conditions & retryOn['refused-stream']) !== 0) return true;
    return bytesSent === 0 && (conditions & retryOn['reset-before-request']) !== 0;
  }

  /** The order is Envoy's: condition, number of retries, then the breaker. `isFree`: nobody did anything with it so far. */
  #decide(wouldRetry: boolean, isFree: boolean): RetryDecision {
    this.#release();
    if (!wouldRetry) return 'no';
    const { breaker, stats } = this.#context;
    if (this.#remaining === 0) {
      stats.upstream_rq_retry_limit_exceeded++;
      return 'limitExceeded';
    }
    this.#remaining--;
    if (!(isFree && this.#hasBudget) && !breaker.takeRetry()) {
      stats.upstream_rq_retry_overflow++;
      return 'overflow';
    }
    this.#holdsRetry = !(isFree && this.#hasBudget);
    this.#retries++;
    stats.upstream_rq_retry++;
    return 'retry';
  }

  /** A budget keeps retries from burying a service: what never reached it does not count. A number is a number, and Envoy's rule its own. */
  get #hasBudget(): boolean {
    const { plan, breaker } = this.#context;
    return plan.safeMethodsOnly && breaker.thresholds.retryBudget !== null;
  }

  #release(): void {
    if (!this.#holdsRetry) return;
    this.#holdsRetry = false;
    this.#context.breaker.releaseRetry();
  }
}

/** Whether an attempt that ended so has put no load on anybody, nor done anything that a repetition would do twice. */
function isUntouched(kind: ResetKind, bytesSent: number): boolean {
  return kind === 'connectFailure' || kind === 'refusedStream' || bytesSent === 0;
}

const anyReset = retryOn.reset | retryOn['5xx'] | retryOn['gateway-error'];

const grpcConditions =
  retryOn.cancelled |
  retryOn['deadline-exceeded'] |
  retryOn['resource-exhausted'] |
  retryOn.internal |
  retryOn.unavailable;

function grpcBit(status: string | undefined): number {
  switch (status) {
    case '1':
      return retryOn.cancelled;
    case '4':
      return retryOn['deadline-exceeded'];
    case '8':
      return retryOn['resource-exhausted'];
    case '13':
      return retryOn.internal;
    case '14':
      return retryOn.unavailable;
    default:
      return 0;
  }
}
