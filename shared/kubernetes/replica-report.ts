import { gunzipSync, gzipSync } from 'node:zlib';

/** What a replica of the control plane says of its proxies, in an annotation of its Lease `tulle-replica-NAME`. */
export type ReplicaReport = Readonly<{
  proxies: number;
  /** By key of the resource: its version, and how many proxies of the replica have applied it. */
  applied: Readonly<Record<string, readonly [generation: number, proxies: number]>>;
  /** What proxies of the replica refuse at the moment, in words; a few of them. */
  refusals: readonly string[];
}>;

export const replicaLabel = 'mesh.tulle.dev/replica';
export const reportAnnotation = 'mesh.tulle.dev/applied';
export const replicaLeasePrefix = 'tulle-replica-';

/** A report as text for an annotation: JSON, compressed, since keys repeat themselves and an annotation has 256 KiB at the most. */
export function encodeReport(report: ReplicaReport): string {
  return gzipSync(JSON.stringify(report)).toString('base64');
}

/** The report in an annotation; null where there is none that can be read. What a report of another version lacks is nothing. */
export function decodeReport(text: string | undefined): ReplicaReport | null {
  if (text === undefined || text === '') return null;
  try {
    const read = JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString()) as Partial<ReplicaReport>;
    return { proxies: read.proxies ?? 0, applied: read.applied ?? {}, refusals: read.refusals ?? [] };
  } catch {
    return null;
  }
}
