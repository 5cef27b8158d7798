/** The endpoints of a cluster: what EDS carries, or a cluster has inline. */
export type Endpoints = Readonly<{
  clusterName: string;
  localities: readonly LocalityEndpoints[];
  overprovisioningFactor: number;
}>;

export type LocalityEndpoints = Readonly<{
  locality: Locality;
  priority: number;
  /** 0 or absent in the source: not weighted by locality. */
  weight: number;
  endpoints: readonly Endpoint[];
}>;

export type Locality = Readonly<{ region: string; zone: string; subZone: string }>;

export type Endpoint = Readonly<{
  /** An IP address; a host name in DNS clusters; a path when `port` is 0 (unix socket). */
  address: string;
  port: number;
  weight: number;
  health: 'healthy' | 'unhealthy' | 'degraded' | 'draining';
  /** `filter_metadata.envoy.transport_socket_match`. */
  transportLabels: Readonly<Record<string, string>>;
  /** `filter_metadata.istio.workload`: `name;namespace;canonical-name;canonical-revision;cluster`. */
  workload: string;
  hostname: string;
}>;
