import type { OutlierConfig } from '../snapshot/cluster.ts';

/** A host and its successes in the interval that ended. */
export type HostRate<H> = Readonly<{ host: H; percent: number; volume: number }>;

/** Hosts whose success rate is strictly below the mean less so many (population) standard deviations. */
export function findSlipping<H>(rates: readonly HostRate<H>[], config: OutlierConfig): HostRate<H>[] {
  const valid = rates.filter(({ volume }) => volume >= config.successRateRequestVolume);
  if (valid.length === 0 || valid.length < config.successRateMinimumHosts) return [];
  const threshold = successRateThreshold(
    valid.map(({ percent }) => percent),
    config.successRateStdevFactor / 1000,
  );
  return valid.filter(({ percent }) => percent < threshold);
}

/** Hosts that failed at least so many percent of their requests. */
export function findFailing<H>(rates: readonly HostRate<H>[], config: OutlierConfig): HostRate<H>[] {
  const valid = rates.filter(({ volume }) => volume >= config.failurePercentageRequestVolume);
  if (valid.length === 0 || valid.length < config.failurePercentageMinimumHosts) return [];
  return valid.filter(({ percent }) => 100 - percent >= config.failurePercentageThreshold);
}

/** The rate below which a host is an outlier of these. */
export function successRateThreshold(percents: readonly number[], factor: number): number {
  const mean = percents.reduce((sum, percent) => sum + percent, 0) / percents.length;
  const variance = percents.reduce((sum, percent) => sum + (percent - mean) ** 2, 0) / percents.length;
  return mean - factor * Math.sqrt(variance);
}
