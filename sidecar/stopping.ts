/**
 * How a sidecar in a pod ends. What the application does until its end goes through it, so that it goes last: outbound is never touched;
 * inbound goes on for the drain delay, in which callers learn that the pod goes; then what is under way and the application itself are
 * waited for, as long as the pod's grace period allows.
 *
 *   SIGTERM -> serve (the drain delay) -> finish (nothing new from the mesh) -> end
 *
 * With native sidecars `POST /drain` (preStop) comes when the pod begins to end, and SIGTERM when the application has ended.
 */
import type { Clock } from '#shared/runtime/clock.ts';
import type { DataPlane } from './data-plane.ts';
import type { PathLog } from './neighbours.ts';
import type { PathLoad } from './path-end.ts';
import { pause } from './pause.ts';

/** Whether somebody listens on the application's ports; `unknown`: it has none that are known. */
export type AppState = 'answers' | 'silent' | 'unknown';

/** What is known when it is decided how to go on. Times in milliseconds. */
export type StopFacts = Readonly<{
  /** Since inbound drains, and since it was told to end. */
  drainingMs: number;
  stoppingMs: number;
  load: PathLoad;
  app: AppState;
}>;

/** `serve`: as before, but callers are told to go elsewhere. `finish`: nothing new from the mesh. `end`: now. */
export type StopStep = 'serve' | 'finish' | 'end';

export type StopLimits = Readonly<{ drainMs: number; limitMs: number }>;

/** Decides from what is known. */
export function nextStop({ drainingMs, stoppingMs, load, app }: StopFacts, { drainMs, limitMs }: StopLimits): StopStep {
  const before = drainingMs - stoppingMs;
  // The pod's grace period began with the hook. A drain long ago was somebody else's.
  const spentMs = before < limitMs ? drainingMs : stoppingMs;
  if (spentMs >= limitMs) return 'end';
  const isDelayOver = drainingMs >= drainMs;
  const isQuiet = load.inbound === 0 && load.outbound === 0 && app !== 'answers';
  // Drained before it was told to end: the application has ended in between.
  if (isQuiet && (isDelayOver || before > 0)) return 'end';
  // A caller that is refused tries another pod at once; one that gets a 503 does not.
  return isDelayOver || app === 'silent' ? 'finish' : 'serve';
}

export type Stop = Readonly<{
  clock: Clock;
  dataPlane: Pick<DataPlane, 'load' | 'stopInbound'>;
  lookAtApp: () => Promise<AppState>;
  /** When inbound began to drain, by the clock's monotonic time. */
  drainingSince: number;
  limits: StopLimits;
  log: Pick<PathLog, 'info' | 'warn'>;
}>;

/** An application that stops to listen is to be called no more at once: until that is seen its callers get a 503. */
const lookEveryMs = { serving: 50, finishing: 250 };

/** Resolves when the process may end. */
export async function stopInPod({ clock, dataPlane, lookAtApp, drainingSince, limits, log }: Stop): Promise<void> {
  const began = clock.monotonic();
  let isFinishing = false;
  for (;;) {
    const [load, app] = await Promise.all([dataPlane.load(), lookAtApp()]);
    const now = clock.monotonic();
    const step = nextStop({ drainingMs: now - drainingSince, stoppingMs: now - began, load, app }, limits);
    if (step === 'end') {
      const isLeft = load.inbound + load.outbound > 0 || app === 'answers';
      const facts = { ...load, application: app, afterMs: Math.round(now - began) };
      if (isLeft) log.warn(facts, 'the grace period is over: what is open is cut');
      else log.info(facts, 'nothing is left to wait for');
      return;
    }
    if (step === 'finish' && !isFinishing) {
      isFinishing = true;
      await dataPlane.stopInbound();
      log.info({ ...load, application: app }, 'takes no more connections from the mesh');
    }
    await pause(clock, isFinishing ? lookEveryMs.finishing : lookEveryMs.serving);
  }
}
