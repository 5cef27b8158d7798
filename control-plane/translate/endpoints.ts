import { topologyLabels } from '#shared/model/pod.ts';
import { matchesLabels } from '#shared/model/selector.ts';
import type { TypedMessage, TypedObject } from '#shared/xds/typed.ts';
import { policyFor } from './destination-rules.ts';
import { clusterName, type Destination } from './destinations.ts';
import { labelFor, spreadOverLocalities } from './features/locality.ts';
import { healthyWorkloads, type MeshIndex, peerPolicyOf } from './mesh-index.ts';
import type { MeshService } from './mesh-service.ts';
import { modeOfPort } from './peer-authentication.ts';
import type { Scope } from './scope.ts';
import type { PolicyBlocks } from './traffic-policy.ts';
import { compact, nonEmpty, toAddress, typed } from './typed-builder.ts';
import { connectPort, type Workload } from './workloads.ts';

type Endpoint = Readonly<{ workload: Workload; port: number; takesMutualTls: boolean }>;

/** The endpoints of a destination: the same object for all proxies and generations for which they are the same. */
export function endpointsFor(index: MeshIndex, scope: Scope, destination: Destination): TypedMessage {
  const { service, port, rule, subset } = destination;
  const name = clusterName(destination);
  const endpoints = resolveEndpoints(index, destination);
  const policy = spreadPolicy(service, policyFor(rule, port.port, subset));
  const isLocal = policy?.outlierDetection !== undefined || policy?.loadBalancer?.localityLbSetting !== undefined;
  const shaping = isLocal || subset !== undefined ? rule : undefined;
  const place = isLocal ? [scope.locality, ...sharedLabels(scope, policy)].join() : '';
  const key = `endpoints/${place}/${shaping?.id ?? ''}/${service.namespace}/${name}`;
  return index.memo.get(key, [service, ...(shaping?.sources ?? []), endpoints], () =>
    typed('envoy.config.endpoint.v3.ClusterLoadAssignment', toAssignment(scope, destination, name, endpoints)),
  );
}

/** What the proxies of a scope have for the labels by which a policy ranks endpoints. */
function sharedLabels(scope: Scope, policy: PolicyBlocks | undefined): readonly string[] {
  const wanted = policy?.loadBalancer?.localityLbSetting?.failoverPriority ?? [];
  return [...wanted.map((text) => labelFor(text.split('=')[0] ?? '', scope)), scope.nodeName];
}

/** Labels by which a service's own `trafficDistribution` ranks endpoints. */
const distributions: Readonly<Record<MeshService['trafficDistribution'], readonly string[]>> = {
  Any: [],
  PreferSameZone: [topologyLabels.region, topologyLabels.zone],
  PreferSameNode: [topologyLabels.region, topologyLabels.zone, topologyLabels.subzone, topologyLabels.hostname],
};

/**
 * The policy by which endpoints are spread over places: the rule's; without a word of it the service's `trafficDistribution`, which fails
 * over without outlier detection, since who is not ready is no endpoint.
 */
function spreadPolicy(
  { trafficDistribution }: MeshService,
  policy: PolicyBlocks | undefined,
): PolicyBlocks | undefined {
  const failoverPriority = distributions[trafficDistribution];
  if (failoverPriority.length === 0 || policy?.loadBalancer?.localityLbSetting !== undefined) {
    return policy;
  }
  const loadBalancer = { ...policy?.loadBalancer, localityLbSetting: { failoverPriority } };
  return { ...policy, outlierDetection: policy?.outlierDetection ?? {}, loadBalancer };
}

/** The endpoints of a destination as a part of its cluster. A name to look up stands for itself when it has no endpoints. */
export function localityAssignment(
  index: MeshIndex,
  scope: Scope,
  destination: Destination,
  name: string,
): TypedObject {
  const { service, port, subset } = destination;
  const endpoints = resolveEndpoints(index, destination);
  if (endpoints.length > 0 || service.endpoints.length > 0 || service.selector !== undefined || subset !== undefined) {
    return toAssignment(scope, destination, name, endpoints);
  }
  const target = typeof port.target === 'number' ? port.target : port.port;
  const itself = {
    endpoint: { address: toAddress(service.host, target) },
    load_balancing_weight: 1,
  };
  return { cluster_name: name, endpoints: [{ lb_endpoints: [itself], load_balancing_weight: 1 }] };
}

/** Who serves a destination, and where: the same list for all proxies and generations for which it is the same. */
function resolveEndpoints(index: MeshIndex, destination: Destination): readonly Endpoint[] {
  const { service, port, rule, subset } = destination;
  const healthy = healthyWorkloads(index, service);
  const key = `resolved/${subset === undefined ? '' : rule?.id}/${service.namespace}/${clusterName(destination)}`;
  const inputs = [healthy, port, index.peerPolicies, subset?.labels];
  return index.memo.get(key, inputs, () => toEndpoints(index, destination, healthy));
}

function toEndpoints(
  index: MeshIndex,
  { port, subset }: Destination,
  healthy: readonly Workload[],
): readonly Endpoint[] {
  const labels = subset?.labels ?? {};
  return healthy
    .filter((workload) => matchesLabels(labels, workload.labels))
    .flatMap((workload) => {
      const number = connectPort(workload, port);
      if (number === undefined || workload.address === '') {
        return [];
      }
      // A WorkloadEntry may have the sidecar's own port; policies are about the application's.
      const target = workload.portsAre === 'entry' && typeof port.target === 'number' ? port.target : number;
      const mode = modeOfPort(peerPolicyOf(index, workload), target);
      return [{ workload, port: number, takesMutualTls: workload.isInMesh && mode !== 'DISABLE' }];
    });
}

function toAssignment(
  scope: Scope,
  { service, port, rule, subset }: Destination,
  name: string,
  endpoints: readonly Endpoint[],
): TypedObject {
  const groups = Map.groupBy(endpoints, ({ workload }) => workload.locality);
  const localities = [...groups].map(([locality, members]) => ({
    locality,
    endpoints: members.map((member) => ({
      message: toLbEndpoint(member),
      weight: member.workload.weight,
      labels: { ...member.workload.labels, [topologyLabels.hostname]: member.workload.nodeName },
    })),
  }));
  const policy = spreadPolicy(service, policyFor(rule, port.port, subset));
  const client = { locality: scope.locality, labels: { ...scope.labels, [topologyLabels.hostname]: scope.nodeName } };
  return compact({
    cluster_name: name,
    endpoints: nonEmpty(spreadOverLocalities(localities, client, policy)),
  });
}

function toLbEndpoint({ workload, port, takesMutualTls }: Endpoint): TypedObject {
  const { labels } = workload;
  const canonicalName =
    labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? workload.name;
  const revision =
    labels['service.istio.io/canonical-revision'] ??
    labels['app.kubernetes.io/version'] ??
    labels['version'] ??
    'latest';
  const identity = [workload.name, workload.namespace, canonicalName, revision, 'Kubernetes'].join(';');
  return {
    endpoint: { address: toAddress(workload.address, port) },
    metadata: {
      filter_metadata: {
        ...(takesMutualTls ? { 'envoy.transport_socket_match': { tlsMode: 'istio' } } : {}),
        istio: { workload: identity },
      },
    },
    load_balancing_weight: workload.weight,
  };
}
