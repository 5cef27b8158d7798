import type { Facts } from './facts.ts';

/** How a check ended. `skipped`: it cannot be answered, or has nothing to look at. */
export type State = 'ok' | 'warning' | 'error' | 'skipped';

/** One thing that is wrong, and what to do about it. */
export type Complaint = Readonly<{ state: 'warning' | 'error'; message: string; hint: string }>;

/** What a check says: complaints (none: all is well), or why it says nothing. */
export type Verdict = readonly Complaint[] | Readonly<{ skipped: string }>;

/** One question about an installation, answered from facts alone. */
export type Check = Readonly<{
  /** Of what it is a part; checks of one category stand together. */
  category: string;
  /** What should be so: `the root certificate is valid`. */
  name: string;
  judge: (facts: Facts) => Verdict;
}>;

/** A check that was made. */
export type Finding = Readonly<{ category: string; name: string; state: State; message: string; hint: string }>;

export const error = (message: string, hint: string): Complaint => ({ state: 'error', message, hint });
export const warning = (message: string, hint: string): Complaint => ({ state: 'warning', message, hint });

/** What most hints end with. */
export const installAgain = 'run `meshctl install` again: it puts back what is missing and leaves the rest';

/** Up to five of a list, and how many more there are. */
export function some(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length <= 5 ? shown : `${shown} and ${names.length - 5} more`;
}

/** All findings of some checks: one a complaint, or one that it is well. */
export function runChecks(checks: readonly Check[], facts: Facts): readonly Finding[] {
  return checks.flatMap(({ category, name, judge }): readonly Finding[] => {
    const verdict = judge(facts);
    const about = { category, name };
    if ('skipped' in verdict) return [{ ...about, state: 'skipped', message: verdict.skipped, hint: '' }];
    if (verdict.length === 0) return [{ ...about, state: 'ok', message: '', hint: '' }];
    return verdict.map((complaint) => ({ ...about, ...complaint }));
  });
}
