/** Facts that the figures depend on. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, release, totalmem } from 'node:os';
import { versionFacts } from '../peers/versions.ts';
import { processorName } from '../processes/proc.ts';

/** The machine, our commit, Node, and the versions of all tools. */
export function machineFacts(): string[] {
  return [
    `${processorName()}, ${availableParallelism()} CPUs, ${(totalmem() / 2 ** 30).toFixed(0)} GB, Linux ${release()}`,
    `Tulle ${commit()}; Node ${process.version}, OpenSSL ${process.versions.openssl}`,
    versionFacts().join(', '),
  ];
}

function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8', cwd: import.meta.dirname }).trim();
    const isChanged = git('status', '--porcelain', '--untracked-files=no') !== '';
    return git('rev-parse', '--short', 'HEAD') + (isChanged ? ' with changes' : '');
  } catch {
    return 'of an unknown commit';
  }
}
