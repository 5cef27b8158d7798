/** The sums that cachegrind prints at the end. Pure. */
const titles = {
  instructions: 'I +refs',
  codeMisses: 'I1 +misses',
  farCodeMisses: 'LLi +misses',
  dataAccesses: 'D +refs',
  dataMisses: 'D1 +misses',
  farDataMisses: 'LLd +misses',
} as const;

export type Counts = Readonly<Record<keyof typeof titles, number>>;

/** Throws if one is missing. */
export function parseCounts(output: string): Counts {
  const counts = Object.entries(titles).map(([name, title]) => {
    const digits = new RegExp(`^==\\d+== ${title}: +([\\d,]+)`, 'm').exec(output)?.[1];
    if (digits === undefined) throw new Error(`valgrind told no "${title}":\n${output}`);
    return [name, Number(digits.replaceAll(',', ''))];
  });
  return Object.fromEntries(counts) as Counts;
}
