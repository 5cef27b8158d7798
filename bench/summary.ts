/** Samples of a target become medians and ranges, and goals are judged by them. Pure. */
import { kindOf, type Figure, type Sample } from './figures.ts';

/** A median with the least and the greatest. */
export type Spread = Readonly<{ median: number; min: number; max: number }>;

export type Summary = Readonly<{
  name: string;
  about: string;
  runs: number;
  figures: Readonly<Partial<Record<Figure, Spread>>>;
  foreignCores: Spread;
  errors: readonly string[];
}>;

/** What is asked of a target: at most (of what is better when less) so much, of what another has if `of` names one. */
export type Goal = Readonly<{ target: string; figure: Figure; limit: number; of: string | null }>;

export type Verdict = Readonly<{ goal: Goal; value: number; isMet: boolean }>;

/** The median (of an even count the mean of the two in the middle), least and greatest of at least one value. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

/** The value below which a share of the sorted values lies; 0 of none. */
export function quantileOf(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Sums up the samples of one target. */
export function summarize(name: string, about: string, samples: readonly Sample[]): Summary {
  const names = new Set(samples.flatMap(({ figures }) => Object.keys(figures) as Figure[]));
  const spreads = [...names].map((figure) => {
    const values = samples.map(({ figures }) => figures[figure]).filter((value) => value !== undefined);
    return [figure, spreadOf(values)] as const;
  });
  return {
    name,
    about,
    runs: samples.length,
    figures: Object.fromEntries(spreads),
    foreignCores: spreadOf(samples.map(({ foreignCores }) => foreignCores)),
    errors: samples.map(({ errors }) => errors).filter((each) => each !== ''),
  };
}

/** Adds how much slower each is than no proxy at all, where that was measured beside. */
export function withAddedLatency(summaries: readonly Summary[]): Summary[] {
  const direct = summaries.find(({ name }) => name === 'direct')?.figures;
  const less = (spread: Spread | undefined, base: Spread | undefined) =>
    spread === undefined || base === undefined
      ? undefined
      : { median: spread.median - base.median, min: spread.min - base.median, max: spread.max - base.median };
  return summaries.map((summary) => {
    if (summary.name === 'direct') return summary;
    const addedP50Us = less(summary.figures.p50Us, direct?.p50Us);
    const addedP99Us = less(summary.figures.p99Us, direct?.p99Us);
    const added = { ...(addedP50Us ? { addedP50Us } : {}), ...(addedP99Us ? { addedP99Us } : {}) };
    return { ...summary, figures: { ...summary.figures, ...added } };
  });
}

/** Judges the goals that these summaries have figures for. */
export function judge(goals: readonly Goal[], summaries: readonly Summary[]): Verdict[] {
  const medianOf = (name: string, figure: Figure) =>
    summaries.find((summary) => summary.name === name)?.figures[figure]?.median;
  return goals.flatMap((goal) => {
    const ours = medianOf(goal.target, goal.figure);
    const theirs = goal.of === null ? 1 : medianOf(goal.of, goal.figure);
    if (ours === undefined || theirs === undefined || theirs === 0) return [];
    const value = ours / theirs;
    return [{ goal, value, isMet: kindOf(goal.figure).better === 'less' ? value <= goal.limit : value >= goal.limit }];
  });
}

/** One line that says whether a goal is met. */
export function verdictText({ goal, value, isMet }: Verdict): string {
  const { label, unit, better } = kindOf(goal.figure);
  const shown = goal.of === null ? `${value.toFixed(0)} (${unit})` : `${value.toFixed(2)} of ${goal.of}'s`;
  const bound = better === 'less' ? 'at most' : 'at least';
  return `${goal.target}, ${label}: ${shown}; goal ${bound} ${goal.limit}: ${isMet ? 'met' : 'MISSED'}`;
}
