/** The page of a run: goals first, then each scenario with its table and plots, who was measured, and the machine. Pure. */
import { kindOf, type Figure } from '../figures.ts';
import type { Times } from '../scenarios/scenario.ts';
import type { ScenarioResult } from '../session.ts';
import { judge, verdictText, type Summary } from '../summary.ts';
import { barChart } from './bar-chart.ts';
import { markdownTable, tableOf } from './table.ts';

export type Report = Readonly<{
  results: readonly ScenarioResult[];
  times: Times;
  facts: readonly string[];
  at: Date;
}>;

/** A drawing of the page, by its file's name. */
export type Plot = Readonly<{ name: string; svg: string }>;

/** The page and its plots, which lie in `folder` beside it. */
export function renderReport(
  { results, times, facts, at }: Report,
  folder: string,
): Readonly<{ page: string; plots: readonly Plot[] }> {
  const sections = results.map((result) => sectionOf(result, folder));
  const goals = results.flatMap(({ scenario, summaries }) =>
    judge(scenario.goals, summaries).map((verdict) => `- \`${scenario.name}\`: ${verdictText(verdict)}`),
  );
  const page = `# Bench of ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC

Median, least and greatest of interleaved runs: ${times.seconds} s of load after ${times.warmUpSeconds} s of warm-up. "us" columns are CPU microseconds (user and
system, all threads) for each request: \`in\` takes mTLS, \`out\` sends it, "us/hop" is their mean. "foreign": cores that others kept
busy, at most. Compare within a table only.

${facts.map((fact) => `- ${fact}`).join('\n')}

## Goals

${goals.length > 0 ? goals.join('\n') : 'None of these scenarios has a goal that could be judged.'}

${sections.map(({ text }) => text).join('\n')}
## Who was measured

${aboutLines(results).join('\n')}
`;
  return { page, plots: sections.flatMap(({ plots }) => plots) };
}

function sectionOf({ scenario, summaries, skipped }: ScenarioResult, folder: string): { text: string; plots: Plot[] } {
  const plots = scenario.plots.flatMap((figure) => plotOf(scenario.name, figure, summaries));
  const notes = [
    ...summaries.flatMap(({ name, errors }) => [...new Set(errors)].map((error) => `- \`${name}\`: ${error}`)),
    ...skipped.map(({ name, reason }) => `- \`${name}\` skipped: ${reason}`),
  ];
  const parts = [
    `## ${scenario.name}`,
    `${scenario.about}.`,
    ...(summaries.length > 0 ? [markdownTable(tableOf(scenario, summaries))] : []),
    ...(notes.length > 0 ? [notes.join('\n')] : []),
    ...plots.map(({ name }) => `![${name.replace('.svg', '')}](${folder}/${name})`),
  ];
  return { text: `${parts.join('\n\n')}\n`, plots };
}

function plotOf(scenario: string, figure: Figure, summaries: readonly Summary[]): Plot[] {
  const { label, unit, digits } = kindOf(figure);
  const bars = summaries.flatMap(({ name, figures }) => {
    const value = figures[figure];
    return value === undefined ? [] : [{ label: name, value, isOurs: name.includes('tulle') }];
  });
  if (bars.length === 0) return [];
  const name = `${scenario}-${label.replaceAll(/[^a-zA-Z0-9.]+/g, '-')}.svg`;
  return [{ name, svg: barChart({ title: `${scenario}: ${label}`, unit, digits, bars }) }];
}

function aboutLines(results: readonly ScenarioResult[]): string[] {
  const about = new Map(results.flatMap(({ summaries }) => summaries.map((each) => [each.name, each.about] as const)));
  return [...about].map(([name, text]) => `- \`${name}\`: ${text}`);
}
