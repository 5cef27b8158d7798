import { type TimerWheel, WheelTimer } from '../net/timer-wheel.ts';
import type { CompiledRoute } from '../routing/compiled-route.ts';
import type { ExchangeHost } from './exchange-host.ts';
import type { HttpService } from './plan.ts';

/**
 * Ends a stream in which nothing moved for too long, either way: a request that does not come on, an answer that does not, a tunnel
 * (WebSocket) in which both sides are silent (Envoy: `stream_idle_timeout` and a route's `idle_timeout`).
 */
export class StreamIdle {
  readonly #timer: WheelTimer;
  readonly #timeoutMs: number;

  constructor(wheel: TimerWheel, timeoutMs: number, onIdle: () => void) {
    this.#timer = new WheelTimer(wheel, onIdle);
    this.#timeoutMs = timeoutMs;
    this.touch();
  }

  /** Something moved. */
  touch(): void {
    this.#timer.start(this.#timeoutMs);
  }

  stop(): void {
    this.#timer.stop();
  }
}

/** What is watched. */
type Watched = Readonly<{ host: ExchangeHost; service: HttpService; route: CompiledRoute | null }>;

/** Watches an exchange, if its route or else its listener says for how long; 0 is for ever. Null: it may be idle. */
export function watchIdle({ host, service, route }: Watched, onIdle: () => void): StreamIdle | null {
  const action = route?.config.action;
  const ofRoute = action?.kind === 'forward' ? action.idleTimeoutMs : null;
  const timeoutMs = ofRoute ?? service.manager.streamIdleTimeoutMs;
  return timeoutMs > 0 ? new StreamIdle(host.wheel, timeoutMs, onIdle) : null;
}
