import { seriesCells, type SeriesEntry, type SlabView } from './series.ts';

/**
 * The counts of several slabs in one of just the size that they need: what is kept of workers that are dead. Series of the same labels
 * become one.
 */
export function mergeSlabs(slabs: readonly SlabView[]): SlabView {
  const sums = new Map<string, { entry: SeriesEntry; values: Float64Array }>();
  for (const { cells, entries } of slabs) {
    for (const entry of entries) {
      const size = seriesCells[entry.kind];
      const key = `${entry.kind}\n${entry.labels.join('\n')}`;
      const sum = sums.get(key) ?? { entry, values: new Float64Array(size) };
      sums.set(key, sum);
      for (let i = 0; i < size; i++) sum.values[i] = (sum.values[i] ?? 0) + (cells[entry.first + i] ?? 0);
    }
  }
  const all = [...sums.values()];
  const cells = new Float64Array(all.reduce((size, { values }) => size + values.length, 0));
  let first = 0;
  const entries = all.map(({ entry, values }) => {
    cells.set(values, first);
    const moved = { ...entry, first };
    first += values.length;
    return moved;
  });
  return { cells, entries };
}
