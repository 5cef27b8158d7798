/** The files that a pod brings, which may come later than the process: a projected token, a ConfigMap that is written meanwhile. */
import { stat } from 'node:fs/promises';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Readiness } from '#shared/runtime/readiness.ts';
import type { PathLog } from './neighbours.ts';

export type PodFile = Readonly<{
  /** What it is, for logs and readiness. */
  what: string;
  path: string;
}>;

export type PodFilesOptions = Readonly<{
  clock: Clock;
  readiness: Readiness;
  log: Pick<PathLog, 'info' | 'warn'>;
  signal: AbortSignal;
  isThere?: (path: string) => Promise<boolean>;
}>;

const firstLookMs = 100;
const longestLookMs = 1000;
const remindMs = 30_000;

/** Resolves when all are there and not empty; readiness waits for each by its name. Never, once aborted. */
export async function awaitPodFiles(files: readonly PodFile[], options: PodFilesOptions): Promise<void> {
  const gates = files.map(({ what }) => options.readiness.gate(what));
  await Promise.all(
    files.map(async (file, index) => {
      await awaitFile(file, options);
      gates[index]?.();
    }),
  );
}

async function awaitFile({ what, path }: PodFile, options: PodFilesOptions): Promise<void> {
  const { clock, log, signal, isThere = isFilled } = options;
  const began = clock.monotonic();
  let toldAt = -Infinity;
  for (let delayMs = firstLookMs; !(await isThere(path)); delayMs = Math.min(delayMs * 2, longestLookMs)) {
    const waitedMs = clock.monotonic() - began;
    if (waitedMs - toldAt >= remindMs) {
      toldAt = waitedMs;
      log.warn({ path, waitedMs: Math.round(waitedMs) }, `waits for the ${what}`);
    }
    await new Promise<void>((resolve) => {
      const cancel = clock.after(delayMs, resolve);
      signal.addEventListener('abort', cancel, { once: true });
    });
  }
  if (toldAt !== -Infinity) log.info({ path, waitedMs: Math.round(clock.monotonic() - began) }, `the ${what} is there`);
}

async function isFilled(path: string): Promise<boolean> {
  try {
    return (await stat(path)).size > 0;
  } catch {
    return false;
  }
}
