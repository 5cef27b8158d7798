/**
 * What the replicas of the control plane tell each other. They share nothing but the API server, so each keeps a Lease
 * `tulle-replica-NAME` that it renews, with a report in an annotation: how many proxies it has, and how many of them have applied which
 * version of each resource. The leader adds the reports up to the `applied N/M` of a resource's status, and counts the replicas for
 * the failure policy of the webhooks.
 *
 * A version is `metadata.generation`: each replica counts catalogs by itself, but a generation means the same to all. A replica whose
 * informer has not seen a version yet has it applied nowhere.
 */
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import type { ObjectMap } from '#shared/kubernetes/follow-objects.ts';
import { decodeReport, reportAnnotation, type ReplicaReport } from '#shared/kubernetes/replica-report.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ProxyRecord } from '../xds/proxies.ts';
import { distributionOfGeneration } from '../xds/distribution.ts';
import { decodeLease } from './lease.ts';

export const replicaLeaseMs = 15_000;

const maxRefusals = 5;
const maxRefusalChars = 300;

/** The report of this replica. Only resources whose version is known count. */
export function makeReport(catalog: Catalog, proxies: readonly ProxyRecord[]): ReplicaReport {
  const reached = proxies.map(({ session }) => session.appliedGeneration ?? -1).toSorted((a, b) => a - b);
  const applied: Record<string, readonly [number, number]> = {};
  for (const { key, origin, generation, resource, problems } of catalog.entries.values()) {
    // Of a version that was refused nothing is applied anywhere.
    if (origin.generation === undefined || resource === null || problems.length > 0) continue;
    applied[key] = [origin.generation, reached.length - firstAtLeast(reached, generation)];
  }
  const { refused } = distributionOfGeneration(proxies, catalog.generation);
  const refusals = refused.map(({ proxy, name, message }) => `${proxy}: ${name}: ${message}`.slice(0, maxRefusalChars));
  return { proxies: proxies.length, applied, refusals: [...new Set(refusals)].slice(0, maxRefusals) };
}

const emptyReport: ReplicaReport = { proxies: 0, applied: {}, refusals: [] };

/** A replica as it was last heard of, by our own clock. */
export type SeenReplica = Readonly<{
  name: string;
  resourceVersion: string;
  seenAtMs: number;
  report: ReplicaReport;
  /** The report as it was written: the same text is not read again. */
  text: string;
}>;
export type SeenReplicas = ReadonlyMap<string, SeenReplica>;

/**
 * What is known after a look at the leases: a lease that changed was renewed just now. Of one that is seen for the first time that is
 * not known: then the time that it tells counts, by the wall clock (`wallMs`), so that the dead of yesterday are not alive today.
 */
export function seeReplicas(before: SeenReplicas, leases: ObjectMap, now: Now): SeenReplicas {
  const seen = [...leases.values()].flatMap((lease): readonly (readonly [string, SeenReplica])[] => {
    const known = before.get(lease.metadata.name);
    // Given back: the replica has ended.
    if (decodeLease(lease).holder === '') return [];
    if (known !== undefined && known.resourceVersion === lease.metadata.resourceVersion)
      return [[lease.metadata.name, known]];
    return [[lease.metadata.name, toSeen(lease, known, now)]];
  });
  return new Map(seen);
}

export type Now = Readonly<{ monotonicMs: number; wallMs: number }>;

function toSeen(lease: ClusterObject, known: SeenReplica | undefined, { monotonicMs, wallMs }: Now): SeenReplica {
  const { metadata } = lease;
  const ageMs = known === undefined ? Math.max(0, wallMs - decodeLease(lease).renewedAtMs) : 0;
  const { name, resourceVersion = '', annotations } = metadata;
  const text = annotations?.[reportAnnotation] ?? '';
  const report = known?.text === text ? known.report : (decodeReport(text) ?? emptyReport);
  return { name, resourceVersion, seenAtMs: monotonicMs - ageMs, report, text };
}

/** Those that were heard of within the life of a lease. */
export function healthyReplicas(seen: SeenReplicas, nowMs: number): readonly SeenReplica[] {
  return [...seen.values()].filter(({ seenAtMs }) => nowMs < seenAtMs + replicaLeaseMs);
}

/** How far one version of a resource has come among the proxies of all replicas. */
export type WideDistribution = Readonly<{ applied: number; total: number; refusals: readonly string[] }>;

export function distributionAmong(
  reports: readonly ReplicaReport[],
  key: string,
  generation: number,
): WideDistribution {
  const count = ({ applied }: ReplicaReport) => {
    const [version = -1, proxies = 0] = applied[key] ?? [];
    return version >= generation ? proxies : 0;
  };
  const behind = reports.filter((report) => count(report) < report.proxies);
  return {
    applied: reports.reduce((sum, report) => sum + count(report), 0),
    total: reports.reduce((sum, { proxies }) => sum + proxies, 0),
    refusals: behind.flatMap(({ refusals }) => refusals),
  };
}

/** Index of the first element of an ascending list that is not below `value`. */
function firstAtLeast(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? Number.POSITIVE_INFINITY) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
