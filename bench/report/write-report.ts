import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { renderReport, type Report } from './markdown.ts';

/** Writes the page to bench/results/ and its plots beside it; gives its path. */
export function writeReport(report: Report): string {
  const results = resolve(import.meta.dirname, '../results');
  const name = report.at.toISOString().slice(0, 16).replaceAll(':', '-');
  const { page, plots } = renderReport(report, name);
  mkdirSync(join(results, name), { recursive: true });
  for (const plot of plots) writeFileSync(join(results, name, plot.name), plot.svg);
  const path = join(results, `${name}.md`);
  writeFileSync(path, page);
  return path;
}
