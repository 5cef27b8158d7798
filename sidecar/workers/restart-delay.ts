import type { Random } from '#shared/runtime/random.ts';

/** A worker that lived so long had no part in a crash loop. */
const steadyMs = 10_000;
const baseMs = 500;
const maxMs = 30_000;

/** How many workers in a row died soon after their start, after one that lived `livedMs`. */
export function countEarlyDeaths(before: number, livedMs: number): number {
  return livedMs >= steadyMs ? 0 : before + 1;
}

/**
 * How long to wait before a dead worker is replaced: not at all after the first death, then longer with each early one, so that a crash
 * loop does not spin; between half of a time that doubles up to 30 s and the whole.
 */
export function restartDelayMs(earlyDeaths: number, random: Random): number {
  if (earlyDeaths <= 1) return 0;
  const ceiling = Math.min(baseMs * 2 ** Math.min(earlyDeaths - 2, 10), maxMs);
  return ceiling / 2 + Math.floor((random() * ceiling) / 2);
}
