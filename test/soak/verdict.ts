/** What a soak showed: a table for people, and what is wrong with it. Pure. */
import type { SoakOptions, SoakResult } from './soak.ts';
import { allowedMb, isFlat, trendOf } from './trend.ts';

/** Everything that must not be, one line each; none is success. */
export function problemsOf(result: SoakResult, { seconds, rotationSeconds }: SoakOptions): string[] {
  const problems = result.complaints.map((line) => `in a log: ${line}`);
  for (const { kind, calls, failures } of result.tallies) {
    if (calls === 0) problems.push(`${kind}: not one call ended`);
    for (const [why, count] of failures) problems.push(`${kind}: ${count} failed: ${why}`);
  }
  for (const [part, samples] of result.memory) {
    const trend = trendOf(samples);
    const growth = trend.endMb - trend.warmMb;
    if (!isFlat(trend, seconds))
      problems.push(`${part} grew by ${growth.toFixed(1)} MB, more than ${allowedMb(seconds)}`);
  }
  const due = Math.floor(seconds / (rotationSeconds * 1.1));
  for (const [part, count] of result.rotations)
    if (count < due) problems.push(`${part} had ${count} new certificates, ${due} were due`);
  const { made, seen } = result.pushes;
  if (seen < made / 2) problems.push(`only ${seen} of ${made} edits reached requests before the next`);
  if (result.connections < due) problems.push(`only ${result.connections} connections for ${due} certificates`);
  return problems;
}

/** The table. */
export function tableOf(result: SoakResult): string {
  const calls = result.tallies.map(({ kind, calls: count, messages, failures }) => [
    kind,
    String(count),
    String(messages),
    String([...failures.values()].reduce((sum, each) => sum + each, 0)),
  ]);
  const memory = [...result.memory].map(([part, samples]) => {
    const { startMb, warmMb, endMb, slopeMbPerMinute } = trendOf(samples);
    const numbers = [startMb, warmMb, endMb, slopeMbPerMinute].map((value) => value.toFixed(1));
    return [part, ...numbers, String(result.rotations.get(part) ?? '-')];
  });
  return [
    ...columns([['calls', 'ended', 'messages', 'failed'], ...calls]),
    '',
    ...columns([['RSS, MB', 'start', 'warm', 'end', 'a minute', 'new certificates'], ...memory]),
    '',
    `${result.pushes.made} edits, ${result.pushes.seen} seen in answers; ${result.connections} connections between the sidecars`,
  ].join('\n');
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
}
