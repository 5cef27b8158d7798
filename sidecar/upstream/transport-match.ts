import type { ClusterConfig, UpstreamTransport } from '../snapshot/cluster.ts';

/** The transport to an endpoint with these labels: the first match whose labels it all has, else the cluster's. */
export function transportOf(
  config: Pick<ClusterConfig, 'transport' | 'transportMatches'>,
  labels: Readonly<Record<string, string>>,
): UpstreamTransport {
  const found = config.transportMatches.find((match) =>
    Object.entries(match.labels).every(([name, value]) => labels[name] === value),
  );
  return found === undefined ? config.transport : found.transport;
}
