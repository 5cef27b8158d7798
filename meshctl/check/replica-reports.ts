import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { decodeReport, replicaLabel, reportAnnotation } from '#shared/kubernetes/replica-report.ts';

/** What all replicas of the control plane say of their proxies. Null: none of them says anything. */
export type ReplicaReports = Readonly<{ proxies: number; refusals: readonly string[] }> | null;

/** Adds up the reports in the leases of the replicas: they can be read where the replicas themselves cannot be reached. */
export function readReplicaReports(leases: readonly ClusterObject[]): ReplicaReports {
  const reports = leases.flatMap(({ metadata }) => {
    if (metadata.labels?.[replicaLabel] === undefined) return [];
    return decodeReport(metadata.annotations?.[reportAnnotation]) ?? [];
  });
  if (reports.length === 0) return null;
  return {
    proxies: reports.reduce((sum, { proxies }) => sum + proxies, 0),
    refusals: reports.flatMap(({ refusals }) => refusals),
  };
}
