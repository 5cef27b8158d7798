/** Samples of a target become medians and ranges. Pure. */
import type { Sample } from './measure.ts';

/** A median with the least and the greatest. */
export type Spread = Readonly<{ median: number; min: number; max: number }>;

export type Summary = Readonly<{
  name: string;
  about: string;
  runs: number;
  rps: Spread;
  p50Us: Spread;
  p99Us: Spread;
  /** Mean of the two hops; null without a proxy. */
  cpuUs: Spread | null;
  userUs: Spread | null;
  in: Readonly<{ cpuUs: Spread; residentMb: Spread }> | null;
  out: Readonly<{ cpuUs: Spread; residentMb: Spread }> | null;
  foreignCores: Spread;
  errors: readonly string[];
}>;

/** The median (of an even count the mean of the two in the middle), least and greatest of at least one value. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

/** Sums up the samples of one target. */
export function summarize(name: string, about: string, samples: readonly Sample[]): Summary {
  const over = (pick: (sample: Sample) => number) => spreadOf(samples.map(pick));
  const hasHops = samples.some(({ hops }) => hops.length > 0);
  const mean = (pick: (hop: Sample['hops'][number]) => number) =>
    hasHops ? over(({ hops }) => hops.reduce((sum, hop) => sum + pick(hop), 0) / hops.length) : null;
  const hop = (index: number) =>
    hasHops
      ? {
          cpuUs: over(({ hops }) => hops[index]?.cpuUs ?? 0),
          residentMb: over(({ hops }) => hops[index]?.residentMb ?? 0),
        }
      : null;
  return {
    name,
    about,
    runs: samples.length,
    rps: over((sample) => sample.rps),
    p50Us: over((sample) => sample.p50Us),
    p99Us: over((sample) => sample.p99Us),
    cpuUs: mean(({ cpuUs }) => cpuUs),
    userUs: mean(({ userUs }) => userUs),
    in: hop(0),
    out: hop(1),
    foreignCores: over((sample) => sample.foreignCores),
    errors: samples.map(({ errors }) => errors).filter((each) => each !== ''),
  };
}

/** What is asked of our sidecars, of the CPU of Envoys that do the same, and in megabytes resident. */
export const goals = { cpuOfEnvoy: 0.8, residentMb: 95 };

/** One line for each goal that these summaries can judge. */
export function verdicts(summaries: readonly Summary[]): string[] {
  const tulle = summaries.find(({ name }) => name === 'tulle');
  const envoy = summaries.find(({ name }) => name === 'envoy-full');
  const lines: string[] = [];
  const met = (isMet: boolean) => (isMet ? 'met' : 'MISSED');
  if (tulle?.cpuUs && envoy?.cpuUs) {
    const ratio = tulle.cpuUs.median / envoy.cpuUs.median;
    const goal = goals.cpuOfEnvoy;
    lines.push(`CPU: ${ratio.toFixed(2)} of envoy-full's; goal at most ${goal}: ${met(ratio <= goal)}`);
  }
  if (tulle?.in && tulle.out) {
    const resident = Math.max(tulle.in.residentMb.median, tulle.out.residentMb.median);
    const goal = goals.residentMb;
    lines.push(
      `RSS: ${resident.toFixed(0)} MB, the greater of the two; goal at most ${goal}: ${met(resident <= goal)}`,
    );
  }
  return lines;
}
