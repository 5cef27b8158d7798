/**
 * One measurement of one target: its servers are started, warmed up, loaded and stopped again. CPU is counted from before to after
 * the load, for each hop with all its threads and children; what ran on the machine besides is told, as it disturbs.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { cpuTimeOf, endedChildrenCpuUs, machineBusyUs, residentMbOf } from './proc.ts';
import { accessLogPath } from './proxies/pair.ts';
import { ServerProcess } from './server-process.ts';
import type { Target } from './targets.ts';
import { runWrk } from './wrk.ts';

/** How the load is made; times in seconds. */
export type Load = Readonly<{ connections: number; seconds: number; warmUpSeconds: number }>;

/** CPU microseconds a request, and resident megabytes after the load. */
export type HopSample = Readonly<{ cpuUs: number; userUs: number; systemUs: number; residentMb: number }>;

export type Sample = Readonly<{
  rps: number;
  p50Us: number;
  p99Us: number;
  errors: string;
  /** `in`, then `out`; none without a proxy. */
  hops: readonly HopSample[];
  /** Cores that others kept busy meanwhile. */
  foreignCores: number;
}>;

/** Measures once. `backend` answers behind the target. */
export async function measure(target: Target, backend: ServerProcess, load: Load, folder: string): Promise<Sample> {
  const servers: ServerProcess[] = [];
  try {
    for (const server of target.servers)
      servers.push(await ServerProcess.start(server, join(folder, `${target.name}.log`)));
    await runWrk(target.port, load.connections, load.warmUpSeconds);
    return await underLoad(target, { servers, backend, load });
  } finally {
    for (const server of servers.toReversed()) await server.stop();
    for (const hop of ['in', 'out'] as const) rmSync(accessLogPath(folder, hop), { force: true });
  }
}

type Running = Readonly<{ servers: readonly ServerProcess[]; backend: ServerProcess; load: Load }>;

async function underLoad(target: Target, { servers, backend, load }: Running): Promise<Sample> {
  const hops = servers.map((server) => server.pids());
  const known = [...hops.flat(), ...backend.pids(), process.pid];
  const ours = () => cpuTimeOf(known).total + endedChildrenCpuUs();
  const start = { at: performance.now(), busy: machineBusyUs(), ours: ours(), hops: hops.map(cpuTimeOf) };
  const { requests, p50Us, p99Us, errors } = await runWrk(target.port, load.connections, load.seconds);
  const end = { at: performance.now(), busy: machineBusyUs(), ours: ours(), hops: hops.map(cpuTimeOf) };
  const elapsedUs = (end.at - start.at) * 1000;
  const zero = { total: 0, user: 0, system: 0 };
  return {
    rps: requests / load.seconds,
    p50Us,
    p99Us,
    errors,
    foreignCores: Math.max(0, (end.busy - start.busy - (end.ours - start.ours)) / elapsedUs),
    hops: hops.map((pids, index) => {
      const before = start.hops[index] ?? zero;
      const after = end.hops[index] ?? zero;
      return {
        cpuUs: (after.total - before.total) / requests,
        userUs: (after.user - before.user) / requests,
        systemUs: (after.system - before.system) / requests,
        residentMb: residentMbOf(pids),
      };
    }),
  };
}
