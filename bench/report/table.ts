/** Summaries as rows of cells, for the terminal and for Markdown. Pure. */
import { kindOf, type Figure } from '../figures.ts';
import type { Spread, Summary } from '../summary.ts';

/** The rows of a scenario's table, header first: medians, with the least and the greatest where there were several runs. */
export function tableOf(
  { columns }: Readonly<{ columns: readonly Figure[] }>,
  summaries: readonly Summary[],
): string[][] {
  const [first] = columns;
  const base = summaries.find(({ name }) => name.includes('envoy-full'));
  const baseline = first === undefined ? undefined : base?.figures[first]?.median;
  const header = ['target', ...columns.map((figure) => kindOf(figure).label), 'runs', 'foreign'];
  if (baseline !== undefined) header.splice(2, 0, `of ${base?.name}`);
  const rows = summaries.map((summary) => {
    const cells = columns.map((figure) => cellOf(summary.figures[figure], figure));
    if (baseline !== undefined) cells.splice(1, 0, ratio(first && summary.figures[first], baseline));
    return [summary.name, ...cells, `${summary.runs}`, summary.foreignCores.max.toFixed(2)];
  });
  return [header, ...rows];
}

function cellOf(spread: Spread | undefined, figure: Figure): string {
  if (spread === undefined) return '-';
  const { digits } = kindOf(figure);
  const { median, min, max } = spread;
  const range = min === max ? '' : ` [${min.toFixed(digits)}..${max.toFixed(digits)}]`;
  return median.toFixed(digits) + range;
}

function ratio(spread: Spread | undefined, base: number): string {
  return spread === undefined ? '-' : (spread.median / base).toFixed(2);
}

/** Lines of a table with even columns. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

/** The same in Markdown. */
export function markdownTable([header = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map((_, column) => (column === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
