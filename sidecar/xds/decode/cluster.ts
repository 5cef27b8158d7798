import {
  defaultThresholds,
  type BalancerConfig,
  type ClusterConfig,
  type Discovery,
  type Thresholds,
} from '../../snapshot/cluster.ts';
import { decodeEndpoints } from './endpoints.ts';
import { decodeOutlier } from './outlier.ts';
import { isRecord, textOf, type Reader } from './reader.ts';
import { decodeUpstreamTransport } from './tls-context.ts';
import { decodeUpstreamHttp } from './upstream-http.ts';

/** `envoy.config.cluster.v3.Cluster`. */
export function decodeCluster(reader: Reader): ClusterConfig {
  const name = reader.string('name');
  if (name === '') reader.refuse('name', 'must not be empty');
  const outlier = reader.message('outlier_detection');
  const alt = reader.string('alt_stat_name');
  const cluster: ClusterConfig = {
    name,
    altStatName: alt === '' ? name : alt,
    discovery: decodeDiscovery(reader, name),
    connectTimeoutMs: reader.ms('connect_timeout', 5000),
    balancer: decodeBalancer(reader),
    breakers: decodeBreakers(reader.message('circuit_breakers')),
    outlier: outlier === null ? null : decodeOutlier(outlier),
    panicThreshold: decodePanic(reader.message('common_lb_config')),
    transportMatches: reader.messages('transport_socket_matches').map(decodeTransportMatch),
    transport: decodeUpstreamTransport(reader.message('transport_socket')),
    http: decodeUpstreamHttp(reader),
    sourceAddresses: decodeSources(reader.message('upstream_bind_config')),
    tcpKeepalive: decodeKeepalive(reader.message('upstream_connection_options')),
    perConnectionBufferBytes: reader.number('per_connection_buffer_limit_bytes', 1_048_576),
    services: decodeServices(reader.message('metadata')),
    direction: name.startsWith('outbound|') ? 'outbound' : name.startsWith('inbound|') ? 'inbound' : 'unspecified',
  };
  reader.ignore(
    'cleanup_interval',
    'respect_dns_ttl',
    'dns_jitter',
    'dns_failure_refresh_rate',
    'track_timeout_budgets',
  );
  reader
    .ignore(
      'ignore_health_on_host_removal',
      'track_cluster_stats',
      'close_connections_on_host_health_failure',
      'filters',
    )
    .done();
  return cluster;
}

function decodeDiscovery(reader: Reader, name: string): Discovery {
  const type = reader.string('type', 'STATIC');
  const assignment = reader.message('load_assignment');
  const eds = reader.message('eds_cluster_config');
  const original = reader.message('original_dst_lb_config');
  const refreshMs = reader.ms('dns_refresh_rate', 5000);
  const family = reader.string('dns_lookup_family', 'AUTO');
  const endpoints =
    assignment === null
      ? { clusterName: name, localities: [], overprovisioningFactor: 140 }
      : decodeEndpoints(assignment);
  const useHttpHeader = original?.bool('use_http_header') ?? false;
  const portOverride =
    original?.has('upstream_port_override') === true ? original.number('upstream_port_override') : null;
  original?.done();
  const serviceName = eds?.string('service_name') ?? '';
  eds?.ignore('eds_config').done();
  switch (type) {
    case 'STATIC':
      return { kind: 'static', endpoints };
    case 'EDS':
      return { kind: 'eds', serviceName: serviceName === '' ? name : serviceName };
    case 'STRICT_DNS':
    case 'LOGICAL_DNS':
      return {
        kind: type === 'STRICT_DNS' ? 'strictDns' : 'logicalDns',
        endpoints,
        refreshMs,
        family: family === 'V4_ONLY' ? 'v4' : family === 'V6_ONLY' ? 'v6' : 'auto',
      };
    case 'ORIGINAL_DST':
      return { kind: 'originalDst', useHttpHeader, portOverride };
    default:
      reader.refuse('type', `${type} is not supported`);
      return { kind: 'static', endpoints };
  }
}

/** Envoy's limits: what is larger would only eat memory. */
const maxRingSize = 8_388_608;
const maxTableSize = 5_000_011;

function upTo(reader: Reader | null, field: string, otherwise: number, most: number): number {
  const value = reader?.number(field, otherwise) ?? otherwise;
  if (value <= most) return value;
  reader?.refuse(field, `must be at most ${most}`);
  return most;
}

function decodeBalancer(reader: Reader): BalancerConfig {
  const policy = reader.string('lb_policy', 'ROUND_ROBIN');
  const least = reader.message('least_request_lb_config');
  const ring = reader.message('ring_hash_lb_config');
  const maglev = reader.message('maglev_lb_config');
  reader.message('round_robin_lb_config')?.ignore('slow_start_config').done();
  const choiceCount = upTo(least, 'choice_count', 2, 1_000_000);
  const activeRequestBias = least?.message('active_request_bias')?.number('default_value', 1) ?? 1;
  least?.ignore('slow_start_config', 'locality_lb_config').done();
  const minimumSize = upTo(ring, 'minimum_ring_size', 1024, maxRingSize);
  const maximumSize = upTo(ring, 'maximum_ring_size', maxRingSize, maxRingSize);
  const hashFunction = ring?.string('hash_function') === 'MURMUR_HASH_2' ? 'murmur2' : 'xxHash';
  ring?.done();
  const tableSize = upTo(maglev, 'table_size', 65_537, maxTableSize);
  maglev?.done();
  switch (policy) {
    case 'ROUND_ROBIN':
      return { kind: 'roundRobin' };
    case 'LEAST_REQUEST':
      return { kind: 'leastRequest', choiceCount, activeRequestBias };
    case 'RANDOM':
      return { kind: 'random' };
    case 'RING_HASH':
      return { kind: 'ringHash', minimumSize, maximumSize, hashFunction };
    case 'MAGLEV':
      return { kind: 'maglev', tableSize };
    case 'CLUSTER_PROVIDED':
      return { kind: 'clusterProvided' };
    default:
      reader.refuse('lb_policy', `${policy} is not supported`);
      return { kind: 'roundRobin' };
  }
}

function decodeBreakers(reader: Reader | null): ClusterConfig['breakers'] {
  const byPriority = { default: defaultThresholds, high: defaultThresholds };
  for (const thresholds of reader?.messages('thresholds') ?? []) {
    const priority = thresholds.string('priority', 'DEFAULT') === 'HIGH' ? 'high' : 'default';
    byPriority[priority] = decodeThresholds(thresholds);
  }
  reader?.done();
  return byPriority;
}

function decodeThresholds(reader: Reader): Thresholds {
  const budget = reader.message('retry_budget');
  const thresholds: Thresholds = {
    maxConnections: reader.number('max_connections', 1024),
    maxPendingRequests: reader.number('max_pending_requests', 1024),
    maxRequests: reader.number('max_requests', 1024),
    maxRetries: reader.number('max_retries', 3),
    retryBudget:
      budget === null
        ? null
        : {
            percent: decodePercent(budget.message('budget_percent'), 20),
            minConcurrency: budget.number('min_retry_concurrency', 3),
          },
  };
  budget?.ignore('budget_interval').done();
  reader.ignore('track_remaining', 'max_connection_pools').done();
  return thresholds;
}

function decodePercent(reader: Reader | null, otherwise: number): number {
  return reader?.number('value', 0) ?? otherwise;
}

function decodePanic(reader: Reader | null): number {
  if (reader === null) return 50;
  const threshold = reader.message('healthy_panic_threshold');
  reader.message('locality_weighted_lb_config')?.done();
  reader.ignore('update_merge_window', 'ignore_new_hosts_until_first_hc', 'close_connections_on_host_set_change');
  reader.ignore('consistent_hashing_lb_config', 'override_host_status', 'zone_aware_lb_config').done();
  return decodePercent(threshold, 50);
}

function decodeTransportMatch(reader: Reader): ClusterConfig['transportMatches'][number] {
  const match = {
    name: reader.string('name'),
    labels: Object.fromEntries(Object.entries(reader.struct('match')).map(([key, value]) => [key, textOf(value)])),
    transport: decodeUpstreamTransport(reader.message('transport_socket')),
  };
  reader.done();
  return match;
}

/** Socket options of an extra address are refused by name, as what is not known of anything. */
function decodeSources(reader: Reader | null): readonly string[] {
  if (reader === null) return [];
  const extra = reader.messages('extra_source_addresses').map((each) => {
    const address = each.message('address');
    each.done();
    return address;
  });
  const sources = [reader.message('source_address'), ...extra].filter((source) => source !== null);
  reader.ignore('additional_source_addresses').done();
  return sources.map((source) => {
    const address = source.string('address');
    source.ignore('port_value').done();
    return address;
  });
}

function decodeKeepalive(reader: Reader | null): ClusterConfig['tcpKeepalive'] {
  const keepalive = reader?.message('tcp_keepalive') ?? null;
  reader?.ignore('set_local_interface_name_on_upstream_connections').done();
  if (keepalive === null) return null;
  const decoded = {
    probes: keepalive.number('keepalive_probes'),
    idleSeconds: keepalive.number('keepalive_time'),
    intervalSeconds: keepalive.number('keepalive_interval'),
  };
  keepalive.done();
  return decoded;
}

function decodeServices(metadata: Reader | null): ClusterConfig['services'] {
  const istio = metadata?.struct('filter_metadata')['istio'];
  metadata?.ignore('typed_filter_metadata').done();
  const services = isRecord(istio) ? istio['services'] : [];
  if (!Array.isArray(services)) return [];
  return services.filter(isRecord).map((service) => ({
    host: textOf(service['host']),
    name: textOf(service['name']),
    namespace: textOf(service['namespace']),
  }));
}
