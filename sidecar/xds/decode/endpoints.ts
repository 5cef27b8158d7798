import type { Endpoint, Endpoints, LocalityEndpoints } from '../../snapshot/endpoints.ts';
import type { TypedValue } from '#shared/xds/typed.ts';
import { textOf, type Reader } from './reader.ts';

/** `envoy.config.endpoint.v3.ClusterLoadAssignment`. */
export function decodeEndpoints(reader: Reader): Endpoints {
  const clusterName = reader.string('cluster_name');
  const policy = reader.message('policy');
  const overprovisioningFactor = policy?.number('overprovisioning_factor', 140) ?? 140;
  policy?.ignore('endpoint_stale_after', 'weighted_priority_health').done();
  const localities = reader.messages('endpoints').map(decodeLocality);
  reader.done();
  return { clusterName, localities, overprovisioningFactor };
}

function decodeLocality(reader: Reader): LocalityEndpoints {
  const locality = reader.message('locality');
  const decoded: LocalityEndpoints = {
    locality: {
      region: locality?.string('region') ?? '',
      zone: locality?.string('zone') ?? '',
      subZone: locality?.string('sub_zone') ?? '',
    },
    priority: reader.number('priority'),
    weight: reader.number('load_balancing_weight'),
    endpoints: reader.messages('lb_endpoints').map(decodeEndpoint),
  };
  reader.ignore('metadata', 'proximity').done();
  return decoded;
}

const healths = {
  UNKNOWN: 'healthy',
  HEALTHY: 'healthy',
  UNHEALTHY: 'unhealthy',
  DRAINING: 'draining',
  TIMEOUT: 'unhealthy',
  DEGRADED: 'degraded',
} as const;

function decodeEndpoint(reader: Reader): Endpoint {
  const endpoint = reader.message('endpoint');
  const health = reader.string('health_status', 'UNKNOWN');
  const metadata = reader.message('metadata')?.struct('filter_metadata') ?? {};
  const weight = reader.number('load_balancing_weight', 1);
  reader.done();
  if (endpoint === null) reader.refuse('endpoint', 'is needed');
  const { address, port } = decodeAddress(endpoint?.message('address') ?? null, endpoint ?? reader);
  const hostname = endpoint?.string('hostname') ?? '';
  endpoint?.ignore('health_check_config', 'additional_addresses').done();
  return {
    address,
    port,
    weight,
    health: Object.entries(healths).find(([key]) => key === health)?.[1] ?? 'healthy',
    transportLabels: stringMap(
      lookup(metadata['envoy.transport_socket_match'] ?? lookup(metadata['envoy'], 'transport_socket_match')),
    ),
    workload: textOf(lookup(metadata['istio'], 'workload')),
    hostname,
  };
}

function lookup(value: TypedValue | undefined, key?: string): TypedValue | undefined {
  if (key === undefined) return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

function stringMap(value: TypedValue | undefined): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, textOf(item)]));
}

/** `envoy.config.core.v3.Address`: an IP or host with port, or the path of a unix socket with port 0. */
export function decodeAddress(reader: Reader | null, parent: Reader): { address: string; port: number } {
  if (reader === null) {
    parent.refuse('address', 'is needed');
    return { address: '', port: 0 };
  }
  const pipe = reader.message('pipe');
  if (pipe !== null) return { address: pipe.string('path'), port: 0 };
  const socket = reader.message('socket_address');
  if (socket === null) {
    reader.refuse('', 'only socket_address and pipe are supported');
    return { address: '', port: 0 };
  }
  const decoded = { address: socket.string('address'), port: socket.number('port_value') };
  socket.ignore('protocol', 'ipv4_compat', 'resolver_name').done();
  reader.done();
  return decoded;
}
