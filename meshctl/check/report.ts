import { styleText } from 'node:util';
import type { Finding, State } from './verdict.ts';

const signs: Readonly<Record<State, string>> = { ok: '√', warning: '‼', error: '×', skipped: '·' };
const colours = { ok: 'green', warning: 'yellow', error: 'red', skipped: 'gray' } as const;

/** Findings for people: by category, what is wrong below its check with what to do about it. */
export function formatFindings(findings: readonly Finding[], hasColour: boolean): string {
  const lines: string[] = [];
  for (const [category, own] of Map.groupBy(findings, (finding) => finding.category)) {
    lines.push('', category, '-'.repeat(category.length));
    for (const [name, ofCheck] of Map.groupBy(own, (finding) => finding.name)) {
      const [first] = ofCheck;
      if (first === undefined) continue;
      const state = ofCheck.some((finding) => finding.state === 'error') ? 'error' : first.state;
      lines.push(`${sign(state, hasColour)} ${name}`);
      for (const { message, hint } of ofCheck) {
        if (message !== '') lines.push(`    ${message}`);
        if (hint !== '') lines.push(`    -> ${hint}`);
      }
    }
  }
  return `${lines.slice(1).join('\n')}\n\n${summaryOf(findings)}\n`;
}

function sign(state: State, hasColour: boolean): string {
  return hasColour ? styleText(colours[state], signs[state]) : signs[state];
}

/** The last line. */
export function summaryOf(findings: readonly Finding[]): string {
  const count = (state: State) => findings.filter((finding) => finding.state === state).length;
  const [errors, warnings] = [count('error'), count('warning')];
  if (errors + warnings === 0) return 'all is well';
  const say = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;
  return `${say(errors, 'error')}, ${say(warnings, 'warning')}`;
}
