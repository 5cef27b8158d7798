/** When requests of an open loop are due. */

/** Gaps of a Poisson process in microseconds; the same for the same seed, so that every target sees the same load. */
export function poissonGaps(perSecond: number, random: () => number): () => number {
  return () => (-Math.log(1 - random()) / perSecond) * 1e6;
}
