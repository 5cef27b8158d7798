import type { Clock } from '#shared/runtime/clock.ts';
import type { HeaderMap } from '../http1/header-map.ts';
import type { ForwardAction } from '../snapshot/route.ts';
import { deadlineMs, effectiveTimeoutMs, expectedTimeoutMs } from './grpc-timeout.ts';

/** What the limits of an exchange depend on. */
export type TimedExchange = Readonly<{
  host: Readonly<{ clock: Clock }>;
  request: Readonly<{ headers: HeaderMap }>;
  isGrpc: boolean;
  compat: 'tulle' | 'istio';
}>;

/** The timers of a forwarding: it extends them, so that no request needs one object more. */
export abstract class ForwardTimers {
  readonly #clock: Clock;
  /** From the end of the request on, with all attempts; 0: none. */
  readonly #timeoutMs: number;
  /** Of one attempt; 0: none. */
  readonly #perTryTimeoutMs: number;
  /** From the first byte of the request on; -1: none. */
  readonly #deadlineMs: number;
  /** The deadline is the gRPC client's own, which its server is told of; else it is how long a stream may last. */
  readonly #tellsDeadline: boolean;
  #requestEndedAtMs = -1;
  #route: (() => void) | null = null;
  #try: (() => void) | null = null;
  #deadline: (() => void) | null = null;
  #backOff: (() => void) | null = null;

  constructor(exchange: TimedExchange, action: ForwardAction, perTryTimeoutMs: number) {
    const { headers } = exchange.request;
    this.#clock = exchange.host.clock;
    this.#timeoutMs = effectiveTimeoutMs(action, headers, exchange.isGrpc);
    this.#perTryTimeoutMs = perTryTimeoutMs;
    this.#deadlineMs = deadlineMs(action, headers, exchange);
    this.#tellsDeadline = action.streamDuration === null;
  }

  /** Since the first byte of the request. */
  protected abstract readonly elapsedMs: number;
  protected abstract onRouteTimeout(): void;
  protected abstract onDeadline(): void;

  protected startDeadline(): void {
    if (this.#deadlineMs < 0) return;
    this.#deadline = this.#clock.after(Math.max(0, this.#deadlineMs - this.elapsedMs), () => {
      this.#deadline = null;
      this.onDeadline();
    });
  }

  /** The request is whole. */
  protected startRouteTimeout(): void {
    this.#requestEndedAtMs = this.elapsedMs;
    if (this.#timeoutMs <= 0 || this.#route !== null) return;
    // The deadline comes first.
    if (this.#deadline !== null && this.#deadlineMs - this.elapsedMs <= this.#timeoutMs) return;
    this.#route = this.#clock.after(this.#timeoutMs, () => {
      this.#route = null;
      this.onRouteTimeout();
    });
  }

  protected startTryTimeout(attempt: Readonly<{ timeOut(kind: 'perTryTimeout'): void }>): void {
    if (this.#perTryTimeoutMs <= 0 || this.#try !== null) return;
    this.#try = this.#clock.after(this.#perTryTimeoutMs, () => attempt.timeOut('perTryTimeout'));
  }

  protected startBackOff(delayMs: number, next: () => void): void {
    this.#backOff = this.#clock.after(delayMs, () => {
      this.#backOff = null;
      next();
    });
  }

  protected stopTryTimeout(): void {
    this.#try?.();
    this.#try = null;
  }

  protected stopTimers(): void {
    this.stopTryTimeout();
    this.#route?.();
    this.#backOff?.();
    this.#deadline?.();
    this.#route = this.#backOff = this.#deadline = null;
  }

  /**
   * How long an attempt's upstream has; 0: no limit. How long the stream may last it is not told, as in Envoy. The first attempt is
   * told the whole timeout, whatever it waited for its connection (Router::decodeHeaders of Envoy).
   */
  protected expectedMs(attempt: number): number {
    const isTimed = attempt > 1 && this.#timeoutMs > 0 && this.#requestEndedAtMs >= 0;
    const spent = isTimed ? this.elapsedMs - this.#requestEndedAtMs : 0;
    const expected = expectedTimeoutMs(this.#timeoutMs, this.#perTryTimeoutMs, spent);
    if (this.#deadlineMs < 0 || !this.#tellsDeadline) return expected;
    const left = Math.max(1, this.#deadlineMs - this.elapsedMs);
    return expected === 0 ? left : Math.min(expected, left);
  }
}
