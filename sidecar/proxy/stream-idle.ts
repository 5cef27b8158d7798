import { type TimerOwner, WheelTimer } from '../net/timer-wheel.ts';
import type { CompiledRoute } from '../routing/compiled-route.ts';
import type { ExchangeHost } from './exchange-host.ts';
import type { HttpService } from './plan.ts';

/** What is watched. */
export interface WatchedStream extends TimerOwner {
  readonly host: ExchangeHost;
  readonly service: HttpService;
  readonly route: CompiledRoute | null;
}

/**
 * Ends a stream in which nothing moved for too long, either way: a request that does not come on, an answer that does not, a tunnel
 * (WebSocket) in which both sides are silent (Envoy: `stream_idle_timeout` and a route's `idle_timeout`).
 */
export class StreamIdle extends WheelTimer {
  readonly #timeoutMs: number;

  constructor(stream: WatchedStream, timeoutMs: number) {
    super(stream.host.wheel, stream);
    this.#timeoutMs = timeoutMs;
    this.touch();
  }

  /** Something moved. */
  touch(): void {
    this.start(this.#timeoutMs);
  }
}

/** Watches a stream, if its route or else its listener says for how long; 0 is for ever. Null: it may be idle. */
export function watchIdle(stream: WatchedStream): StreamIdle | null {
  const action = stream.route?.config.action;
  const ofRoute = action?.kind === 'forward' ? action.idleTimeoutMs : null;
  const timeoutMs = ofRoute ?? stream.service.manager.streamIdleTimeoutMs;
  return timeoutMs > 0 ? new StreamIdle(stream, timeoutMs) : null;
}
