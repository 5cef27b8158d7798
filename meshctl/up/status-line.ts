import type { TrafficReport } from './traffic-report.ts';

/** What the status line shows. */
export type Status = Readonly<{
  /** The reports of the last few seconds, the newest last; none without traffic. */
  recent: readonly TrafficReport[];
  /** Requests that failed since the start. */
  failed: number;
  mutualTls: number | null;
  up: number;
  all: number;
}>;

/** The state of the mesh as one line of text. */
export function formatStatus({ recent, failed, mutualTls, up, all }: Status): string {
  const processes = up === all ? `${all} processes up` : `${up} of ${all} processes up`;
  const security = `mTLS ${mutualTls === null ? '-' : formatShare(mutualTls)}`;
  const last = recent.at(-1);
  if (last === undefined) return [security, processes].join(' · ');
  const good = recent.reduce((sum, { ok }) => sum + ok, 0);
  const bad = recent.reduce((sum, report) => sum + report.failed, 0);
  const { wrong } = last.orders;
  return [
    `${round(last.requestsPerSecond)} req/s`,
    `success ${good + bad === 0 ? '-' : formatShare(good / (good + bad))}${failed === 0 ? '' : ` (${failed} failed in all)`}`,
    `p50 ${round(last.p50Ms)} ms`,
    `p99 ${round(last.p99Ms)} ms`,
    security,
    formatVersions(recent),
    ...(wrong === 0 ? [] : [`${wrong} wrong answers`]),
    processes,
  ].join(' · ');
}

/** Never `100%` unless it is all. */
function formatShare(share: number): string {
  return share === 1 ? '100%' : `${Math.min(99.99, share * 100).toFixed(2)}%`;
}

const round = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

/** How the calls of payments were split between its versions. */
function formatVersions(recent: readonly TrafficReport[]): string {
  const counts = new Map<string, number>();
  for (const { versions } of recent)
    for (const [version, count] of Object.entries(versions)) counts.set(version, (counts.get(version) ?? 0) + count);
  const sum = [...counts.values()].reduce((total, count) => total + count, 0);
  const shares = [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([version, count]) => `${version} ${Math.round((100 * count) / sum)}%`);
  return `payments ${sum === 0 ? '-' : shares.join(' ')}`;
}
