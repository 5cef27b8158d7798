import { setTimeout as sleep } from 'node:timers/promises';

/** Polls `probe` until it returns without throwing and not `false`; after the deadline its last error is thrown. */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  deadlineMs = 10_000,
  stepMs = 20,
): Promise<Exclude<T, false>> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    try {
      const value = await probe();
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- false alone is taken away
      if (value !== false) return value as Exclude<T, false>;
      throw new Error(`still false after ${deadlineMs} ms`);
    } catch (error) {
      if (Date.now() >= end) throw error;
    }
    await sleep(stepMs);
  }
}
