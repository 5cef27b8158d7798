/**
 * Snapshot and previous plan -> plan. What did not change (by identity) is taken over: chains, route tables, and above all
 * clusters, which keep their pools, counters and ejections. What cannot be compiled keeps its former form, and is told by name;
 * the xDS session checks the same before it accepts a resource, so that this is the second line.
 */
import { formatProblems, type Result } from '#shared/runtime/result.ts';
import type { Plan } from '../proxy/plan.ts';
import { compileRouteTable } from '../routing/route-table.ts';
import type { ClusterConfig } from '../snapshot/cluster.ts';
import type { Endpoints } from '../snapshot/endpoints.ts';
import type { ListenerConfig } from '../snapshot/listener.ts';
import type { RouteTable } from '../snapshot/route.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { CompileTools } from './http-service.ts';
import { compileListener } from './listener.ts';

/** What compiling a plan needs: how to make a cluster, and whom to tell of problems. */
export type PlanTools = CompileTools &
  Readonly<{
    createCluster: (config: ClusterConfig, endpoints: Endpoints | null) => Cluster;
    onProblem: (what: string, problems: string) => void;
  }>;

/** The next plan. Clusters that are gone are closed when `retire` is called: after connections have moved on. */
export function compilePlan(snapshot: Snapshot, previous: Plan, tools: PlanTools): { plan: Plan; retire: () => void } {
  const routes = takeOver(snapshot.routes, previous.routes, (table: RouteTable) => compileRouteTable(table), tools);
  const listeners = takeOver(
    snapshot.listeners,
    previous.listeners,
    (config: ListenerConfig) => compileListener(config, tools),
    tools,
  );
  const { clusters, gone } = compileClusters(snapshot, previous, tools);
  return {
    plan: { generation: previous.generation + 1, snapshot, listeners, routes, clusters },
    retire: () => {
      for (const cluster of gone) cluster.close();
    },
  };
}

type Compiled<C> = Readonly<{ config: C }>;

function takeOver<C, T extends Compiled<C>>(
  configs: ReadonlyMap<string, C>,
  previous: ReadonlyMap<string, T>,
  compile: (config: C) => Result<T>,
  tools: PlanTools,
): ReadonlyMap<string, T> {
  const next = new Map<string, T>();
  for (const [name, config] of configs) {
    const before = previous.get(name);
    if (before !== undefined && before.config === config) {
      next.set(name, before);
      continue;
    }
    const result = compile(config);
    if (result.ok) next.set(name, result.value);
    else {
      tools.onProblem(name, formatProblems(result.problems));
      if (before !== undefined) next.set(name, before);
    }
  }
  return next;
}

function compileClusters(
  snapshot: Snapshot,
  previous: Plan,
  tools: PlanTools,
): { clusters: ReadonlyMap<string, Cluster>; gone: Cluster[] } {
  const clusters = new Map<string, Cluster>();
  for (const [name, config] of snapshot.clusters) {
    const endpoints = endpointsOf(config, snapshot);
    const before = previous.clusters.get(name);
    if (before !== undefined && before.config.discovery.kind === config.discovery.kind) {
      const isSame = before.config === config && endpointsOf(config, previous.snapshot) === endpoints;
      if (!isSame) before.update(config, endpoints);
      clusters.set(name, before);
    } else clusters.set(name, tools.createCluster(config, endpoints));
  }
  const gone = [...previous.clusters]
    .filter(([name, cluster]) => clusters.get(name) !== cluster)
    .map(([, cluster]) => cluster);
  return { clusters, gone };
}

/** The endpoints of an EDS cluster; others have theirs in the configuration, or find them. */
function endpointsOf({ discovery }: ClusterConfig, snapshot: Snapshot): Endpoints | null {
  return discovery.kind === 'eds' ? (snapshot.endpoints.get(discovery.serviceName) ?? null) : null;
}
