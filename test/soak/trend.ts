/** Whether the memory of a process grows. Pure. */

/** Resident memory at a time since the start. */
export type Sample = Readonly<{ seconds: number; megabytes: number }>;

export type Trend = Readonly<{
  startMb: number;
  /** Median of the second quarter: caches and pools are warm, code is compiled. */
  warmMb: number;
  /** Median of the last quarter. */
  endMb: number;
  /** Least squares over the last three quarters, in megabytes a minute. */
  slopeMbPerMinute: number;
}>;

/**
 * What a process may gain between its second quarter and its last. A warm one: its collector is lazy, but a leak goes on. One that
 * runs for less than five minutes is not warm, and shows gross leaks only.
 */
export const maxGrowthMb = { whenWarm: 12, whileCold: 80 } as const;

/** The trend of samples in order of time; at least eight. */
export function trendOf(samples: readonly Sample[]): Trend {
  if (samples.length < 8) throw new RangeError(`${samples.length} samples are too few for a trend`);
  const quarter = Math.floor(samples.length / 4);
  return {
    startMb: samples[0]?.megabytes ?? 0,
    warmMb: median(samples.slice(quarter, 2 * quarter)),
    endMb: median(samples.slice(-quarter)),
    slopeMbPerMinute: 60 * slope(samples.slice(quarter)),
  };
}

/** What a process may gain in a run of this length. */
export function allowedMb(seconds: number): number {
  return seconds < 300 ? maxGrowthMb.whileCold : maxGrowthMb.whenWarm;
}

/** Whether a process gained no more than it may in a run of this length. */
export function isFlat({ warmMb, endMb }: Trend, seconds: number): boolean {
  return endMb - warmMb <= allowedMb(seconds);
}

function median(samples: readonly Sample[]): number {
  const sorted = samples.map(({ megabytes }) => megabytes).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function slope(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(samples.map(({ seconds }) => seconds));
  const y = mean(samples.map(({ megabytes }) => megabytes));
  const shared = samples.reduce((sum, { seconds, megabytes }) => sum + (seconds - x) * (megabytes - y), 0);
  const spread = samples.reduce((sum, { seconds }) => sum + (seconds - x) ** 2, 0);
  return spread === 0 ? 0 : shared / spread;
}
