/**
 * Counts what a load costs: CPU of each server from before to after, with all its threads and children, and what ran on the machine
 * besides, as it disturbs.
 */
import { cpuTimeOf, endedChildrenCpuUs, machineBusyUs, residentMbOf, type CpuTime } from './proc.ts';
import type { ServerProcess } from './server-process.ts';

/** What a load cost one server, in microseconds of CPU, and its memory afterwards. */
export type ServerCost = Readonly<{ cpu: CpuTime; residentMb: number }>;

export type Metered<T> = Readonly<{
  result: T;
  costs: readonly ServerCost[];
  /** Cores that others kept busy meanwhile. */
  foreignCores: number;
}>;

/** Runs the load. `beside`: servers that are part of the measurement, but not measured. */
export async function metered<T>(
  servers: readonly ServerProcess[],
  beside: readonly ServerProcess[],
  load: () => Promise<T>,
): Promise<Metered<T>> {
  const families = servers.map((server) => server.pids());
  const known = [...families.flat(), ...beside.flatMap((server) => server.pids()), process.pid];
  const read = () => ({
    atUs: performance.now() * 1000,
    busyUs: machineBusyUs(),
    oursUs: cpuTimeOf(known).total + endedChildrenCpuUs(),
    cpus: families.map(cpuTimeOf),
  });
  const start = read();
  const result = await load();
  const end = read();
  const foreignUs = end.busyUs - start.busyUs - (end.oursUs - start.oursUs);
  return {
    result,
    foreignCores: Math.max(0, foreignUs / (end.atUs - start.atUs)),
    costs: families.map((pids, index) => ({
      cpu: difference(start.cpus[index], end.cpus[index]),
      residentMb: residentMbOf(pids),
    })),
  };
}

function difference(before: CpuTime | undefined, after: CpuTime | undefined): CpuTime {
  const of = (key: keyof CpuTime) => (after?.[key] ?? 0) - (before?.[key] ?? 0);
  return { total: of('total'), user: of('user'), system: of('system') };
}
