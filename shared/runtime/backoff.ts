import type { Random } from './random.ts';

/**
 * The delay before the n-th retry (n counts from 1): full jitter, uniform in [0, min(base * 2^(n-1), max)).
 * As Envoy's JitteredExponentialBackOffStrategy: the lower bound is 0, and a base above the maximum counts as the maximum.
 */
export function fullJitterMs(n: number, baseMs: number, maxMs: number, random: Random): number {
  const ceiling = Math.min(Math.min(baseMs, maxMs) * 2 ** Math.min(n - 1, 40), maxMs);
  return Math.floor(random() * ceiling);
}
