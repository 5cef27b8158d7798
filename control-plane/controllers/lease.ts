import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import type { LeaseRecord } from './leader.ts';

/** Leases of coordination.k8s.io/v1 as records, and back. Whole seconds and microseconds are how that API writes times. */

export const leasesPath = (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;

/** What is missing in a lease reads as nobody and the beginning of time. */
export function decodeLease({ metadata, spec }: ClusterObject): LeaseRecord {
  const { holderIdentity, leaseDurationSeconds, acquireTime, renewTime, leaseTransitions } = (spec ?? {}) as Readonly<
    Record<string, unknown>
  >;
  return {
    holder: typeof holderIdentity === 'string' ? holderIdentity : '',
    durationMs: typeof leaseDurationSeconds === 'number' ? leaseDurationSeconds * 1000 : 0,
    acquiredAtMs: timeOf(acquireTime),
    renewedAtMs: timeOf(renewTime),
    transitions: typeof leaseTransitions === 'number' ? leaseTransitions : 0,
    resourceVersion: metadata.resourceVersion ?? '',
  };
}

/** The spec of a Lease. */
export function encodeLeaseSpec(lease: LeaseRecord): object {
  return {
    holderIdentity: lease.holder,
    leaseDurationSeconds: Math.max(1, Math.round(lease.durationMs / 1000)),
    acquireTime: microTime(lease.acquiredAtMs),
    renewTime: microTime(lease.renewedAtMs),
    leaseTransitions: lease.transitions,
  };
}

const microTime = (epochMs: number) => new Date(epochMs).toISOString().replace('Z', '000Z');

function timeOf(value: unknown): number {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? 0 : time;
}
