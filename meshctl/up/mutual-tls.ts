import { metricNames } from '#shared/telemetry/metric-names.ts';

/** Requests that arrived at sidecars since these started: all, and those that came by mutual TLS. */
export type Arrivals = Readonly<{ all: number; mutualTls: number }>;

/** Counts the arrived requests in the metrics of one sidecar, in Prometheus' text format. */
export function countArrivals(metrics: string): Arrivals {
  let all = 0;
  let mutualTls = 0;
  for (const line of metrics.split('\n')) {
    if (!line.startsWith(`${metricNames.requests}{`) || !line.includes('reporter="destination"')) continue;
    const count = Number(line.slice(line.lastIndexOf(' ') + 1));
    all += count;
    if (line.includes('connection_security_policy="mutual_tls"')) mutualTls += count;
  }
  return { all, mutualTls };
}

/**
 * The share of mutual TLS, between 0 and 1, among what arrived since `before`; over all that ever arrived when nothing did (or
 * sidecars started anew and count from zero); null when nothing ever arrived.
 */
export function mutualTlsShare(now: Arrivals, before: Arrivals | null): number | null {
  const all = now.all - (before?.all ?? 0);
  if (before !== null && all > 0 && now.mutualTls >= before.mutualTls) return (now.mutualTls - before.mutualTls) / all;
  return now.all === 0 ? null : now.mutualTls / now.all;
}
