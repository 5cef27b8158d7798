import { gunzipSync } from 'node:zlib';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';

/** What all replicas of the control plane say of their proxies. Null: none of them says anything. */
export type ReplicaReports = Readonly<{ proxies: number; refusals: readonly string[] }> | null;

const replicaLabel = 'mesh.tulle.dev/replica';
/** JSON, compressed, as base64; written by the control plane (`controllers/replicas.ts`). */
const reportAnnotation = 'mesh.tulle.dev/applied';

/** Adds up the reports in the leases of the replicas: they can be read where the replicas themselves cannot be reached. */
export function readReplicaReports(leases: readonly ClusterObject[]): ReplicaReports {
  const reports = leases.flatMap(({ metadata }) => {
    if (metadata.labels?.[replicaLabel] === undefined) return [];
    const report = decode(metadata.annotations?.[reportAnnotation] ?? '');
    return report === null ? [] : [report];
  });
  if (reports.length === 0) return null;
  return {
    proxies: reports.reduce((sum, { proxies = 0 }) => sum + proxies, 0),
    refusals: reports.flatMap(({ refusals = [] }) => refusals),
  };
}

function decode(text: string): Readonly<{ proxies?: number; refusals?: readonly string[] }> | null {
  try {
    return JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString('utf8')) as Readonly<{ proxies?: number }>;
  } catch {
    return null;
  }
}
