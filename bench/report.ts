/** Summaries as a table for the terminal, and as a page of Markdown with the facts of the machine. */
import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { availableParallelism, release, totalmem } from 'node:os';
import { findEnvoy } from '../test/interop/differential/proxy-process.ts';
import type { Load } from './measure.ts';
import { processorName } from './proc.ts';
import { verdicts, type Spread, type Summary } from './summary.ts';

const columns = [
  'target',
  'us/hop',
  'of Envoy',
  'us in',
  'us out',
  'user',
  'rps',
  'p50 us',
  'p99 us',
  'RSS in / out MB',
];

/** The rows of the table, header first. */
export function tableOf(summaries: readonly Summary[]): string[][] {
  const envoy = summaries.find(({ name }) => name === 'envoy-full')?.cpuUs?.median;
  const rows = summaries.map((summary) => {
    const { cpuUs, userUs } = summary;
    return [
      summary.name,
      cpuUs === null ? '-' : range(cpuUs, 1),
      cpuUs === null || envoy === undefined ? '-' : (cpuUs.median / envoy).toFixed(2),
      summary.in === null ? '-' : summary.in.cpuUs.median.toFixed(1),
      summary.out === null ? '-' : summary.out.cpuUs.median.toFixed(1),
      userUs === null ? '-' : userUs.median.toFixed(1),
      summary.rps.median.toFixed(0),
      range(summary.p50Us, 0),
      range(summary.p99Us, 0),
      summary.in === null || summary.out === null
        ? '-'
        : `${summary.in.residentMb.median.toFixed(0)} / ${summary.out.residentMb.median.toFixed(0)}`,
      `${summary.runs}`,
      summary.foreignCores.max.toFixed(2),
    ];
  });
  return [[...columns, 'runs', 'foreign'], ...rows];
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

/** Facts that the figures depend on. */
export function machineFacts(): string[] {
  return [
    `${processorName()}, ${availableParallelism()} CPUs, ${(totalmem() / 2 ** 30).toFixed(0)} GB, Linux ${release()}`,
    `Node ${process.version}, OpenSSL ${process.versions.openssl}`,
    versionOf('nginx', ['-v']),
    versionOf('haproxy', ['-v']),
    versionOf('wrk', ['-v']),
    ...(findEnvoy() === null ? [] : [versionOf(findEnvoy() ?? '', ['--version'])]),
  ].filter((fact) => fact !== '');
}

/** The page. */
export function markdownOf(summaries: readonly Summary[], load: Load, at: Date): string {
  const [header = [], ...rows] = tableOf(summaries);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return `# Bench of ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC

CPU microseconds (user and system, all threads) per request and hop: median, least and greatest of interleaved runs, with
${load.connections} connections for ${load.seconds} s after ${load.warmUpSeconds} s of warm-up. \`in\` takes mTLS, \`out\` sends it. "foreign": cores that others kept
busy, at most. Compare within the table only.

${line(header)}
${line(header.map(() => '---'))}
${rows.map(line).join('\n')}

${summaries.map(({ name, about }) => `- \`${name}\`: ${about}`).join('\n')}

${verdicts(summaries)
  .map((verdict) => `- ${verdict}`)
  .join('\n')}

## Machine

${machineFacts()
  .map((fact) => `- ${fact}`)
  .join('\n')}
`;
}

function range({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} [${min.toFixed(digits)}..${max.toFixed(digits)}]`;
}

function versionOf(command: string, args: readonly string[]): string {
  try {
    const output = execFileSync('sh', ['-c', '"$0" "$@" 2>&1; true', command, ...args], { encoding: 'utf8' });
    const [line = ''] = output.split('\n').filter((each) => each.trim() !== '');
    return line.includes('not found') ? '' : line.trim().replace(command, basename(command));
  } catch {
    return '';
  }
}
