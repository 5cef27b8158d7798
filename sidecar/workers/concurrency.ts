/** How many threads carry traffic: as was asked for, else by the processors that there are for us. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** What the system says of processors. Texts as in their files; null: no such file. */
export type CpuFacts = Readonly<{
  /** `cpu.max` of our control group and of those that it lies in (cgroup v2): `QUOTA PERIOD`, or `max PERIOD`. */
  cpuMax: readonly (string | null)[];
  /** `cpu.cfs_quota_us` and `cpu.cfs_period_us` (cgroup v1); a quota of -1 is none. */
  quota: string | null;
  period: string | null;
  /** Processors that this process may run on. */
  parallelism: number;
}>;

/** Processors that may be used, also parts of one: the narrowest of all limits. */
export function cpuLimitOf({ cpuMax, quota, period, parallelism }: CpuFacts): number {
  const limits = cpuMax.map((text) => share(...(text ?? '').trim().split(/\s+/)));
  return Math.min(parallelism, share(quota ?? '', period ?? ''), ...limits);
}

/**
 * How many threads: as asked for, where 0 is one for each processor (Istio's `concurrency`); null, not asked for: 2 where more than
 * one processor may be used, else 1.
 */
export function chooseConcurrency(asked: number | null, cpuLimit: number): number {
  if (asked === null) return cpuLimit > 1 ? 2 : 1;
  return asked === 0 ? Math.max(1, Math.ceil(cpuLimit)) : asked;
}

/** Reads the facts of this process. */
export async function readCpuFacts(root = '/'): Promise<CpuFacts> {
  const groups = join(root, 'sys/fs/cgroup');
  const text = (...path: string[]) => readFile(join(...path), 'utf8').catch(() => null);
  const own = /^0::(\/.*)$/m.exec((await text(root, 'proc/self/cgroup')) ?? '')?.[1] ?? '/';
  return {
    cpuMax: await Promise.all(ancestors(own).map((group) => text(groups, group, 'cpu.max'))),
    quota: await text(groups, 'cpu/cpu.cfs_quota_us'),
    period: await text(groups, 'cpu/cpu.cfs_period_us'),
    parallelism: availableParallelism(),
  };
}

/** A group and those above it, up to the root. */
function ancestors(group: string): string[] {
  const parts = group.split('/').filter(Boolean);
  return Array.from({ length: parts.length + 1 }, (_, count) => `/${parts.slice(0, count).join('/')}`);
}

/** Infinity where there is no limit. */
function share(quota = '', period = ''): number {
  const limit = Number(quota) / Number(period);
  return Number.isFinite(limit) && limit > 0 ? limit : Infinity;
}
