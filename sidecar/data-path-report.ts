/**
 * What the admin port shows of a data path, as plain data: a worker thread posts it, and those of several workers are added up. Kept
 * apart from the request metrics, which lie in shared memory (telemetry/series.ts).
 */
import type { DataPath } from './data-path.ts';
import type { Thresholds } from './snapshot/cluster.ts';
import type { Endpoint } from './snapshot/endpoints.ts';
import type { Cluster } from './upstream/cluster.ts';
import type { ClusterStats } from './upstream/cluster-stats.ts';
import type { Host, HostStats } from './upstream/host.ts';
import type { OutlierStats } from './upstream/outlier-stats.ts';

export type HostReport = Readonly<{
  key: string;
  address: string;
  port: number;
  health: Endpoint['health'];
  isEjected: boolean;
  weight: number;
  priority: number;
  activeRequests: number;
  stats: HostStats;
}>;

export type ClusterReport = Readonly<{
  name: string;
  altStatName: string;
  stats: ClusterStats;
  outlier: OutlierStats | null;
  thresholds: Thresholds;
  /** Requests under way by the default priority's breaker, which is one for all workers. */
  breakerRequests: number;
  hosts: readonly HostReport[];
}>;

export type DataPathReport = Readonly<{
  /** Open downstream connections. */
  connections: number;
  listeners: number;
  clusters: readonly ClusterReport[];
}>;

/** The numbers of a data path of this thread; a copy. */
export function reportOf({ connections, plan }: DataPath): DataPathReport {
  return { connections, listeners: plan.listeners.size, clusters: [...plan.clusters.values()].map(clusterReport) };
}

/** Whether a cluster's or host's statistic tells how it is now, not how often something was. */
export function isGauge(stat: string): boolean {
  return /_active$|^membership_(?:total|healthy|degraded)$/.test(stat);
}

/** Adds up what workers report; `dead`: counts of workers that are no more, of which only those of clusters that still are count. */
export function sumReports(living: readonly DataPathReport[], dead: DataPathReport | null): DataPathReport {
  const sums = new Map<string, ClusterReport>();
  for (const { clusters } of living) for (const cluster of clusters) add(sums, cluster);
  for (const cluster of dead?.clusters ?? []) if (sums.has(cluster.name)) add(sums, cluster);
  return {
    connections: living.reduce((sum, { connections }) => sum + connections, 0),
    listeners: living.reduce((most, { listeners }) => Math.max(most, listeners), 0),
    clusters: [...sums.values()],
  };
}

/** What stays of a report when its worker is dead, with what stayed of those before: counts, and nothing that is under way. */
export function retireReport(report: DataPathReport, before: DataPathReport | null): DataPathReport {
  const rest = report.clusters.map((cluster) => ({
    ...cluster,
    stats: countersOf(cluster.stats),
    hosts: cluster.hosts.map((host) => ({ ...host, activeRequests: 0, stats: countersOf(host.stats) })),
  }));
  return sumReports([{ connections: 0, listeners: 0, clusters: rest }], before);
}

function clusterReport(cluster: Cluster): ClusterReport {
  const { config, stats, outlierStats, breakers } = cluster;
  return {
    name: config.name,
    altStatName: config.altStatName,
    stats: { ...stats },
    outlier: outlierStats === null ? null : { ...outlierStats },
    thresholds: breakers.default.thresholds,
    breakerRequests: breakers.default.requests,
    hosts: [...cluster.hosts.values()].map(hostReport),
  };
}

function hostReport(host: Host): HostReport {
  const { key, address, port, endpoint, monitor, weight, priority, activeRequests, stats } = host;
  const { health } = endpoint;
  const { isEjected } = monitor;
  return { key, address, port, health, isEjected, weight, priority, activeRequests, stats: { ...stats } };
}

function add(sums: Map<string, ClusterReport>, cluster: ClusterReport): void {
  const sum = sums.get(cluster.name);
  sums.set(cluster.name, sum === undefined ? cluster : addClusters(sum, cluster));
}

function addClusters(one: ClusterReport, other: ClusterReport): ClusterReport {
  const hosts = new Map(one.hosts.map((host) => [host.key, host]));
  for (const host of other.hosts) {
    const sum = hosts.get(host.key);
    hosts.set(host.key, sum === undefined ? host : addHosts(sum, host));
  }
  return { ...one, stats: addStats(one.stats, other.stats), hosts: [...hosts.values()] };
}

function addHosts(one: HostReport, other: HostReport): HostReport {
  return {
    ...one,
    activeRequests: one.activeRequests + other.activeRequests,
    stats: addStats(one.stats, other.stats),
  };
}

/** Every worker sees the same members come and go. */
function addStats<T extends Readonly<Record<string, number>>>(one: T, other: T): T {
  const sum: Record<string, number> = {};
  for (const [name, value] of Object.entries(one)) {
    const more = other[name] ?? 0;
    sum[name] = name.startsWith('membership_') ? Math.max(value, more) : value + more;
  }
  return sum as T;
}

function countersOf<T extends Readonly<Record<string, number>>>(stats: T): T {
  return Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, isGauge(name) ? 0 : value])) as T;
}
