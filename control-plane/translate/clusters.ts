import { formatSpiffeId } from '#shared/model/spiffe-id.ts';
import type { TypedMessage, TypedObject } from '#shared/xds/typed.ts';
import { type MergedRule, policyFor, type Subset } from './destination-rules.ts';
import { clusterName, type Destination } from './destinations.ts';
import { localityAssignment } from './endpoints.ts';
import { circuitBreakers, duration, upstreamConnectionOptions } from './features/connection-pool.ts';
import { isPassthrough, loadBalancing } from './features/load-balancer.ts';
import { outlierDetection } from './features/outlier-detection.ts';
import { httpProtocolOptions, isHttp2Upstream } from './features/upstream-protocol.ts';
import { transportSecurity } from './features/upstream-tls.ts';
import { healthyWorkloads, type MeshIndex, peerPolicyOf, workloadsBehind } from './mesh-index.ts';
import type { MeshPort, MeshService } from './mesh-service.ts';
import { statName } from './names.ts';
import { modeOfPort } from './peer-authentication.ts';
import type { Scope } from './scope.ts';
import type { PolicyBlocks } from './traffic-policy.ts';
import { adsSource, compact, toDuration, typed } from './typed-builder.ts';
import { connectPort, type Workload } from './workloads.ts';

type ClusterType = 'EDS' | 'STRICT_DNS' | 'LOGICAL_DNS' | 'ORIGINAL_DST';

/** How the proxies of a scope find the endpoints of a destination. */
export function clusterType(scope: Scope, destination: Destination): ClusterType {
  const { service, port, rule, subset } = destination;
  if (isPassthrough(policyFor(rule, port.port, subset)?.loadBalancer)) {
    return 'ORIGINAL_DST';
  }
  switch (service.resolution) {
    case 'STATIC':
      return 'EDS';
    case 'DNS':
      return 'STRICT_DNS';
    case 'DNS_ROUND_ROBIN':
      return 'LOGICAL_DNS';
    case 'NONE':
      // Without interception there is no original destination: a headless service is balanced like any other.
      return scope.interception === 'NONE' && service.selector !== undefined ? 'EDS' : 'ORIGINAL_DST';
  }
}

/** The outbound cluster of a destination: the same object for all proxies and generations for which it means the same. */
export function outboundClusterFor(index: MeshIndex, scope: Scope, destination: Destination): TypedMessage {
  const { service, port, rule, subset } = destination;
  const type = clusterType(scope, destination);
  const workloads = workloadsBehind(index, service);
  const identities = identitiesOf(index, service, workloads);
  const isMutual = type === 'ORIGINAL_DST' && everyTakesMutualTls(index, workloads, port);
  const isDns = type === 'STRICT_DNS' || type === 'LOGICAL_DNS';
  const name = clusterName(destination);
  const place = isDns ? scope.locality : '';
  const key = `cluster/${scope.compat}/${type}/${place}/${rule?.id ?? ''}/${service.namespace}/${name}`;
  const inputs = [service, port, index.mesh, isMutual, identities, subset?.name, ...(rule?.sources ?? [])];
  // Endpoints that are part of the cluster depend on more: who is healthy, and who takes mutual TLS.
  const endpoints = isDns ? [index.peerPolicies, ...healthyWorkloads(index, service)] : [];
  return index.memo.get(key, [...inputs, ...endpoints], () => {
    const policy = policyFor(rule, port.port, subset);
    return typed('envoy.config.cluster.v3.Cluster', {
      name,
      type,
      ...discovery(index, scope, destination, type),
      connect_timeout: duration(policy?.connectionPool?.tcp?.connectTimeout) ?? toDuration(index.mesh.connectTimeoutMs),
      ...(type === 'ORIGINAL_DST' ? { lb_policy: 'CLUSTER_PROVIDED' } : loadBalancing(policy?.loadBalancer)),
      circuit_breakers: circuitBreakers(policy?.connectionPool, scope.compat, rule?.trafficPolicy?.retryBudget),
      upstream_connection_options: upstreamConnectionOptions(policy?.connectionPool),
      outlier_detection:
        policy?.outlierDetection === undefined ? undefined : outlierDetection(policy.outlierDetection, scope.compat),
      metadata: keepHttp1(clusterMetadata(service, rule, subset), policy),
      common_lb_config: commonLbConfig(policy),
      alt_stat_name: statName(name),
      typed_extension_protocol_options: httpProtocolOptions({ port, policy, isExternalTls: usesExternalTls(policy) }),
      ...transportSecurity({
        service,
        port,
        subset: subset?.name ?? '',
        tls: policy?.tls,
        identities,
        isHttp2: isHttp2Upstream(port, policy),
        automatic: automaticTls(index, service, type, isMutual),
      }),
    });
  });
}

/** `istio` metadata of a cluster: which service it is, and which rule shaped it. */
export function clusterMetadata(service: MeshService, rule?: MergedRule, subset?: Subset): TypedObject {
  const source = rule?.sources[0]?.metadata;
  return {
    filter_metadata: {
      istio: compact({
        config:
          source === undefined
            ? undefined
            : `/apis/networking.istio.io/v1/namespaces/${source.namespace}/destination-rule/${source.name}`,
        subset: subset?.name,
        services: [{ host: service.host, name: service.name, namespace: service.namespace }],
      }),
    },
  };
}

/** `DO_NOT_UPGRADE`: our sidecars send no HTTP/2 between themselves. Envoy has no field for it, and needs none. */
function keepHttp1(metadata: TypedObject, policy: PolicyBlocks | undefined): TypedObject {
  if (policy?.connectionPool?.http?.h2UpgradePolicy !== 'DO_NOT_UPGRADE') return metadata;
  const known = metadata['filter_metadata'] as TypedObject;
  return { ...metadata, filter_metadata: { ...known, tulle: { h2_upgrade: false } } };
}

function discovery(index: MeshIndex, scope: Scope, destination: Destination, type: ClusterType): TypedObject {
  const name = clusterName(destination);
  switch (type) {
    case 'EDS':
      return { eds_cluster_config: { eds_config: adsSource, service_name: name } };
    case 'STRICT_DNS':
    case 'LOGICAL_DNS':
      return {
        load_assignment: localityAssignment(index, scope, destination, name),
        dns_lookup_family: 'V4_ONLY',
        dns_refresh_rate: toDuration(index.mesh.dnsRefreshRateMs),
        respect_dns_ttl: true,
      };
    case 'ORIGINAL_DST':
      return {};
  }
}

function commonLbConfig(policy: PolicyBlocks | undefined): TypedObject {
  const minimum = policy?.outlierDetection?.minHealthPercent ?? 0;
  const locality = policy?.loadBalancer?.localityLbSetting;
  const hasFailover = locality?.failover !== undefined || locality?.failoverPriority !== undefined;
  const isWeighted =
    locality?.enabled !== false &&
    (locality?.distribute !== undefined || (policy?.outlierDetection !== undefined && hasFailover));
  return compact({
    healthy_panic_threshold: minimum > 0 ? { value: minimum } : {},
    locality_weighted_lb_config: isWeighted ? {} : undefined,
  });
}

function automaticTls(
  index: MeshIndex,
  service: MeshService,
  type: ClusterType,
  isMutual: boolean,
): 'perEndpoint' | 'always' | 'off' {
  if (service.isExternal || !index.mesh.enableAutoMtls) {
    return 'off';
  }
  if (type !== 'ORIGINAL_DST') {
    return 'perEndpoint';
  }
  return isMutual ? 'always' : 'off';
}

function usesExternalTls(policy: PolicyBlocks | undefined): boolean {
  return policy?.tls?.mode === 'SIMPLE' || policy?.tls?.mode === 'MUTUAL';
}

/** The SPIFFE IDs that the endpoints of a service may have, in a stable order. */
function identitiesOf(index: MeshIndex, service: MeshService, workloads: readonly Workload[]): readonly string[] {
  const { trustDomain } = index.mesh;
  return index.memo.get(
    `identities/${service.namespace}/${service.host}`,
    [workloads, trustDomain, service.subjectAltNames],
    () => {
      const accounts = workloads
        .filter(({ serviceAccount }) => serviceAccount !== '')
        .map(({ namespace, serviceAccount }) => formatSpiffeId({ trustDomain, namespace, serviceAccount }));
      return [...new Set([...accounts, ...service.subjectAltNames])].toSorted();
    },
  );
}

function everyTakesMutualTls(index: MeshIndex, workloads: readonly Workload[], port: MeshPort): boolean {
  return (
    workloads.length > 0 &&
    workloads.every((workload) => {
      const target = connectPort(workload, port) ?? port.port;
      return workload.isInMesh && modeOfPort(peerPolicyOf(index, workload), target) !== 'DISABLE';
    })
  );
}
