import { defaultThresholds, type ClusterConfig, type OutlierConfig } from '../snapshot/cluster.ts';
import type { Endpoint, Endpoints } from '../snapshot/endpoints.ts';

/** An endpoint for tests: healthy, on port 80. */
export const anEndpoint = (address: string, changes: Partial<Endpoint> = {}): Endpoint => ({
  address,
  port: 80,
  weight: 1,
  health: 'healthy',
  transportLabels: {},
  workload: '',
  hostname: '',
  ...changes,
});

/** Endpoints of one locality. */
export const someEndpoints = (...endpoints: readonly (string | Endpoint)[]): Endpoints => ({
  clusterName: 'c',
  overprovisioningFactor: 140,
  localities: [
    {
      locality: { region: '', zone: '', subZone: '' },
      priority: 0,
      weight: 0,
      endpoints: endpoints.map((endpoint) => (typeof endpoint === 'string' ? anEndpoint(endpoint) : endpoint)),
    },
  ],
});

/** A plaintext EDS cluster for tests. */
export const aCluster = (changes: Partial<ClusterConfig> = {}): ClusterConfig => ({
  name: 'c',
  altStatName: '',
  discovery: { kind: 'eds', serviceName: 'c' },
  connectTimeoutMs: 1_000,
  balancer: { kind: 'roundRobin' },
  breakers: { default: defaultThresholds, high: defaultThresholds },
  outlier: null,
  panicThreshold: 0,
  transportMatches: [],
  transport: { kind: 'plaintext' },
  http: {
    protocol: 'http1',
    maxRequestsPerConnection: 0,
    idleTimeoutMs: 3_000,
    maxConnectionDurationMs: 0,
    http2: {},
    isMultiplexed: true,
  },
  sourceAddresses: [],
  tcpKeepalive: null,
  perConnectionBufferBytes: 1 << 20,
  services: [],
  direction: 'outbound',
  ...changes,
});

/** Outlier detection for tests: two errors eject, for three intervals, anybody. */
export const anOutlierConfig: OutlierConfig = {
  consecutive5xx: 2,
  enforcingConsecutive5xx: 100,
  consecutiveGatewayFailure: 0,
  enforcingConsecutiveGatewayFailure: 0,
  consecutiveLocalOriginFailure: 5,
  enforcingConsecutiveLocalOriginFailure: 100,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionTimeMs: 300_000,
  maxEjectionTimeJitterMs: 0,
  maxEjectionPercent: 100,
  alwaysEjectOneHost: false,
  splitExternalLocalOriginErrors: false,
  successRateMinimumHosts: 5,
  successRateRequestVolume: 100,
  successRateStdevFactor: 1900,
  enforcingSuccessRate: 0,
  failurePercentageThreshold: 85,
  failurePercentageMinimumHosts: 5,
  failurePercentageRequestVolume: 50,
  enforcingFailurePercentage: 0,
};
