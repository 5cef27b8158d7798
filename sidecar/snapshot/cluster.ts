import type { Endpoints } from './endpoints.ts';
import type { Http2Limits } from './http2-limits.ts';
import type { UpstreamTls } from './tls-context.ts';

/** A cluster: what CDS carries. */
export type ClusterConfig = Readonly<{
  name: string;
  /** `alt_stat_name`: what `%UPSTREAM_CLUSTER%` prints. */
  altStatName: string;
  discovery: Discovery;
  connectTimeoutMs: number;
  balancer: BalancerConfig;
  breakers: Readonly<{ default: Thresholds; high: Thresholds }>;
  outlier: OutlierConfig | null;
  /** Percent of healthy hosts below which all are used; 0: never. */
  panicThreshold: number;
  /** The first whose labels are all in an endpoint's transport labels counts; else `transport`. */
  transportMatches: readonly Readonly<{
    name: string;
    labels: Readonly<Record<string, string>>;
    transport: UpstreamTransport;
  }>[];
  transport: UpstreamTransport;
  http: UpstreamHttp;
  /** Local addresses of upstream connections (127.0.0.6 and ::6 for inbound passthrough): the first of the right version of IP counts. */
  sourceAddresses: readonly string[];
  tcpKeepalive: Readonly<{ idleSeconds: number; intervalSeconds: number; probes: number }> | null;
  perConnectionBufferBytes: number;
  /** Facts of the destination for metrics: `metadata.filter_metadata.istio`. */
  services: readonly Readonly<{ host: string; name: string; namespace: string }>[];
  direction: 'inbound' | 'outbound' | 'unspecified';
}>;

export type UpstreamTransport = Readonly<{ kind: 'plaintext' }> | UpstreamTls;

export type Discovery =
  | Readonly<{ kind: 'static'; endpoints: Endpoints }>
  | Readonly<{ kind: 'eds'; serviceName: string }>
  | Readonly<{
      kind: 'strictDns' | 'logicalDns';
      endpoints: Endpoints;
      refreshMs: number;
      family: 'v4' | 'v6' | 'auto';
    }>
  /** The address the downstream connection was meant for (its port replaced, if `portOverride`), or an HTTP header's. */
  | Readonly<{ kind: 'originalDst'; useHttpHeader: boolean; portOverride: number | null }>;

export type BalancerConfig =
  | Readonly<{ kind: 'roundRobin' | 'random' | 'clusterProvided' }>
  | Readonly<{ kind: 'leastRequest'; choiceCount: number; activeRequestBias: number }>
  | Readonly<{ kind: 'ringHash'; minimumSize: number; maximumSize: number; hashFunction: 'xxHash' | 'murmur2' }>
  | Readonly<{ kind: 'maglev'; tableSize: number }>;

/** Circuit-breaker thresholds. `retryBudget` overrides `maxRetries`. */
export type Thresholds = Readonly<{
  maxConnections: number;
  maxPendingRequests: number;
  maxRequests: number;
  maxRetries: number;
  retryBudget: Readonly<{ percent: number; minConcurrency: number }> | null;
}>;

/** Outlier detection; percentages 0..100, times in milliseconds. */
export type OutlierConfig = Readonly<{
  consecutive5xx: number;
  enforcingConsecutive5xx: number;
  consecutiveGatewayFailure: number;
  enforcingConsecutiveGatewayFailure: number;
  consecutiveLocalOriginFailure: number;
  enforcingConsecutiveLocalOriginFailure: number;
  intervalMs: number;
  baseEjectionTimeMs: number;
  maxEjectionTimeMs: number;
  maxEjectionTimeJitterMs: number;
  maxEjectionPercent: number;
  alwaysEjectOneHost: boolean;
  splitExternalLocalOriginErrors: boolean;
  successRateMinimumHosts: number;
  successRateRequestVolume: number;
  successRateStdevFactor: number;
  enforcingSuccessRate: number;
  failurePercentageThreshold: number;
  failurePercentageMinimumHosts: number;
  failurePercentageRequestVolume: number;
  enforcingFailurePercentage: number;
}>;

export type UpstreamHttp = Readonly<{
  /** `auto`: by ALPN; `downstream`: as the request came. */
  protocol: 'http1' | 'http2' | 'auto' | 'downstream';
  http2: Http2Limits;
  /** Mesh peers get many requests over one connection, where they speak HTTP/2 among themselves (ALPN `istio-h2`). */
  isMultiplexed: boolean;
  /** 0: without limit. */
  maxRequestsPerConnection: number;
  /** Idle time of a pooled connection; 0: none. */
  idleTimeoutMs: number;
  maxConnectionDurationMs: number;
}>;

/** Envoy's defaults (circuit_breaker.proto). */
export const defaultThresholds: Thresholds = {
  maxConnections: 1024,
  maxPendingRequests: 1024,
  maxRequests: 1024,
  maxRetries: 3,
  retryBudget: null,
};
