/**
 * A DestinationRule's traffic policy in plain words (the generated schema types spell every `oneOf` out), and how policies of
 * a rule, a subset and a port combine.
 */
export type TrafficPolicy = Readonly<{
  loadBalancer?: LoadBalancer;
  connectionPool?: ConnectionPool;
  outlierDetection?: OutlierDetection;
  tls?: ClientTls;
  retryBudget?: Readonly<{ percent?: number; minRetryConcurrency?: number }>;
  portLevelSettings?: readonly (PolicyBlocks & Readonly<{ port?: Readonly<{ number?: number }> }>)[];
}>;

/** The parts that can differ by port. */
export type PolicyBlocks = Readonly<{
  loadBalancer?: LoadBalancer;
  connectionPool?: ConnectionPool;
  outlierDetection?: OutlierDetection;
  tls?: ClientTls;
}>;

export type LoadBalancer = Readonly<{
  simple?: 'UNSPECIFIED' | 'LEAST_CONN' | 'RANDOM' | 'PASSTHROUGH' | 'ROUND_ROBIN' | 'LEAST_REQUEST';
  consistentHash?: ConsistentHash;
  localityLbSetting?: LocalitySetting;
  warmup?: Readonly<{ duration?: string; minimumPercent?: number; aggression?: number }>;
  warmupDurationSecs?: string;
}>;

export type ConsistentHash = Readonly<{
  httpHeaderName?: string;
  httpCookie?: Readonly<{ name: string; path?: string; ttl?: string }>;
  useSourceIp?: boolean;
  httpQueryParameterName?: string;
  maglev?: Readonly<{ tableSize?: number }>;
  ringHash?: Readonly<{ minimumRingSize?: number }>;
  minimumRingSize?: number;
}>;

export type LocalitySetting = Readonly<{
  enabled?: boolean;
  distribute?: readonly Readonly<{ from?: string; to?: Readonly<Record<string, number>> }>[];
  failover?: readonly Readonly<{ from?: string; to?: string }>[];
  failoverPriority?: readonly string[];
}>;

export type ConnectionPool = Readonly<{
  http?: Readonly<{
    h2UpgradePolicy?: 'DEFAULT' | 'DO_NOT_UPGRADE' | 'UPGRADE';
    http1MaxPendingRequests?: number;
    http2MaxRequests?: number;
    idleTimeout?: string;
    maxConcurrentStreams?: number;
    maxRequestsPerConnection?: number;
    maxRetries?: number;
    useClientProtocol?: boolean;
  }>;
  tcp?: Readonly<{
    connectTimeout?: string;
    idleTimeout?: string;
    maxConnectionDuration?: string;
    maxConnections?: number;
    tcpKeepalive?: Readonly<{ interval?: string; probes?: number; time?: string }>;
  }>;
}>;

export type OutlierDetection = Readonly<{
  baseEjectionTime?: string;
  consecutive5xxErrors?: number;
  consecutiveGatewayErrors?: number;
  consecutiveLocalOriginFailures?: number;
  interval?: string;
  maxEjectionPercent?: number;
  minHealthPercent?: number;
  splitExternalLocalOriginErrors?: boolean;
}>;

export type ClientTls = Readonly<{
  mode?: 'DISABLE' | 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL';
  caCertificates?: string;
  clientCertificate?: string;
  privateKey?: string;
  sni?: string;
  subjectAltNames?: readonly string[];
  insecureSkipVerify?: boolean;
}>;

/**
 * A policy laid over another: block by block, the upper one wins. Settings of the upper one for the port replace all
 * blocks: what they leave out goes back to defaults and is not inherited.
 */
export function overlay(
  lower: PolicyBlocks | undefined,
  upper: TrafficPolicy | undefined,
  port: number,
): PolicyBlocks | undefined {
  if (upper === undefined) {
    return lower;
  }
  const ofPort = upper.portLevelSettings?.find((settings) => settings.port?.number === port);
  return ofPort ?? { ...lower, ...upper };
}
