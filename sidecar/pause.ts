import type { Clock } from '#shared/runtime/clock.ts';

/** Timers of the clock do not keep the process alive, but whoever waits here wants to end in good order. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const keepAlive = setInterval(() => undefined, 1000);
    clock.after(ms, () => {
      clearInterval(keepAlive);
      resolve();
    });
  });
}
