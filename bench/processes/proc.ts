/** What Linux's /proc knows of processes and of the machine: CPU time, resident memory, foreign load. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const usPerTick = 1e6 / ticksPerSecond;

/** CPU time of processes in microseconds. `total` comes from the scheduler's nanoseconds, the split from its ticks. */
export type CpuTime = Readonly<{ total: number; user: number; system: number }>;

/** A process and all below it. */
export function familyOf(pid: number): number[] {
  const family = [pid];
  for (const thread of threadsOf(pid)) {
    const children = read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean);
    family.push(...children.flatMap((child) => familyOf(Number(child))));
  }
  return family;
}

/** The CPU time of all threads of these processes so far. */
export function cpuTimeOf(pids: readonly number[]): CpuTime {
  let total = 0;
  let user = 0;
  let system = 0;
  for (const pid of pids) {
    for (const thread of threadsOf(pid))
      total += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]) / 1000;
    const fields = statFields(pid);
    user += Number(fields[11]) * usPerTick;
    system += Number(fields[12]) * usPerTick;
  }
  return { total, user, system };
}

/** Resident memory in megabytes. */
export function residentMbOf(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) => Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0));
  return kilobytes.reduce((sum, each) => sum + each, 0) / 1024;
}

/** Proportional memory in megabytes: what several processes share counts once among them. */
export function proportionalMbOf(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) => Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0));
  return kilobytes.reduce((sum, each) => sum + each, 0) / 1024;
}

/** CPU time of children of ours that ended, in microseconds. */
export function endedChildrenCpuUs(): number {
  const fields = statFields(process.pid);
  return (Number(fields[13]) + Number(fields[14])) * usPerTick;
}

/** CPU time of the whole machine that was not idle, in microseconds. */
export function machineBusyUs(): number {
  const [line = ''] = read('/proc/stat').split('\n');
  const fields = line.split(/\s+/).slice(1).map(Number);
  const idle = (fields[3] ?? 0) + (fields[4] ?? 0);
  return (fields.slice(0, 8).reduce((sum, each) => sum + each, 0) - idle) * usPerTick;
}

/** The processor's name. */
export function processorName(): string {
  return /model name\s*:\s*(.+)/.exec(read('/proc/cpuinfo'))?.[1] ?? 'unknown processor';
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Fields from the third on: the second, the name, may hold spaces. */
function statFields(pid: number): string[] {
  const text = read(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** What is gone counts nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
