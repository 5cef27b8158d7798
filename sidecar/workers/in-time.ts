import type { Clock } from '#shared/runtime/clock.ts';

/** A worker that does not answer in this time is shown as it was, or stopped where it is. */
const answerTimeoutMs = 1000;

/** The answer of a worker; null: it took too long. */
export async function inTime<T>(clock: Clock, answer: Promise<T>): Promise<T | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const cancel = clock.after(answerTimeoutMs, () => resolve(null));
  const value = await Promise.race([answer, promise]);
  cancel();
  return value;
}
