/**
 * What is behind a Kubernetes Service, as its EndpointSlices say it: the rules of Istio's `endpointslice.go`. The pod of an endpoint says
 * who it is, its node where it is. Who is not ready stays known (its identity counts), and gets no traffic.
 */
import { serviceNameLabel, takesTraffic, type SliceEndpoint } from '#shared/model/endpoint-slice.ts';
import { topologyLabels, workloadNameOf } from '#shared/model/pod.ts';
import type { EndpointSlice, Node, Pod } from '#shared/model/resource.ts';
import { compareText } from '#shared/model/by-age.ts';
import type { Memo } from './memo.ts';
import type { MeshResources } from './mesh-resources.ts';
import type { MeshService } from './mesh-service.ts';
import type { Workload } from './workloads.ts';

/** What a cluster says of endpoints, in one generation. */
export type ClusterFacts = Readonly<{
  /** By `namespace/name`. */
  pods: ReadonlyMap<string, Pod>;
  /** By `namespace/service`, in the order of their names. FQDN slices are left out, as by Istio. */
  slices: ReadonlyMap<string, readonly EndpointSlice[]>;
  nodes: ReadonlyMap<string, Node>;
  /** Pods that run, by `namespace/address`: made when first asked for. */
  podsByAddress: () => ReadonlyMap<string, Pod>;
}>;

/** Sorts what a cluster says. */
export function gatherFacts({ pods, endpointSlices, nodes }: MeshResources): ClusterFacts {
  const usable = endpointSlices.filter((slice) => slice.addressType !== 'FQDN');
  let byAddress: ReadonlyMap<string, Pod> | undefined;
  return {
    pods: new Map(pods.map((pod) => [`${pod.metadata.namespace}/${pod.metadata.name}`, pod])),
    slices: Map.groupBy(usable, ({ metadata }) => `${metadata.namespace}/${metadata.labels[serviceNameLabel] ?? ''}`),
    nodes: new Map(nodes.map((node) => [node.metadata.name, node])),
    podsByAddress: () => (byAddress ??= indexByAddress(pods)),
  };
}

function indexByAddress(pods: readonly Pod[]): ReadonlyMap<string, Pod> {
  const running = pods.filter(({ status }) => status.phase !== 'Succeeded' && status.phase !== 'Failed');
  return new Map(running.flatMap((pod) => pod.status.podIPs.map(({ ip }) => [`${pod.metadata.namespace}/${ip}`, pod])));
}

/** The workloads of a service by its slices; `undefined` when it has none. The same objects while nothing of them changes. */
export function sliceWorkloads(facts: ClusterFacts, memo: Memo, service: MeshService): readonly Workload[] | undefined {
  const slices = service.isKubernetes ? facts.slices.get(`${service.namespace}/${service.name}`) : undefined;
  if (slices === undefined) return undefined;
  const found = slices.flatMap((slice) => slice.endpoints.map((endpoint) => locate(facts, slice, endpoint)));
  const inputs = found.flatMap(({ pod, node }) => [pod, node]);
  return memo.get(`slices/${service.namespace}/${service.name}`, [service, ...slices, ...inputs], () =>
    toWorkloads(service, found),
  );
}

/** The workload that a pod is, for its own proxy. */
export function podWorkload(facts: ClusterFacts, memo: Memo, pod: Pod): Workload {
  const node = nodeOf(facts, pod.spec.nodeName);
  return memo.get(`pod/${pod.metadata.namespace}/${pod.metadata.name}`, [pod, node], () => {
    const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
    const named = ports
      .filter(({ protocol }) => protocol === 'TCP')
      .map((port) => [port.name ?? '', port.containerPort]);
    return {
      ...describe({ pod, node, endpoint: undefined }, pod.metadata.namespace),
      name: pod.metadata.name,
      address: pod.status.podIPs[0]?.ip ?? '',
      ports: Object.fromEntries(named) as Workload['ports'],
      portsAre: 'container',
      isReady: true,
      hostname: '',
    };
  });
}

type Located = Readonly<{
  slice: EndpointSlice;
  endpoint: SliceEndpoint;
  pod: Pod | undefined;
  node: Node | undefined;
  /** Its pod is named and not there: perhaps not yet, perhaps not any more. Nobody can say who it is, so it is left out. */
  isLost: boolean;
}>;

function locate(facts: ClusterFacts, slice: EndpointSlice, endpoint: SliceEndpoint): Located {
  const { namespace } = slice.metadata;
  const { targetRef } = endpoint;
  const isNamed = targetRef?.kind === 'Pod';
  const pod = isNamed
    ? facts.pods.get(`${targetRef.namespace ?? namespace}/${targetRef.name}`)
    : facts.podsByAddress().get(`${namespace}/${endpoint.addresses[0] ?? ''}`);
  const node = nodeOf(facts, pod?.spec.nodeName ?? endpoint.nodeName);
  return { slice, endpoint, pod, node, isLost: isNamed && pod === undefined };
}

function nodeOf(facts: ClusterFacts, name: string | undefined): Node | undefined {
  return name === undefined ? undefined : facts.nodes.get(name);
}

/**
 * One workload an address; of a pod with addresses of both families one counts, that of the service's own family (a headless service is
 * called at each). Several slices may have parts of one endpoint's ports, or one endpoint twice while it moves.
 */
function toWorkloads(service: MeshService, found: readonly Located[]): readonly Workload[] {
  const isHeadless = service.resolution === 'NONE';
  const prefersIpv6 = service.addresses[0]?.includes(':') === true;
  const preferred = prefersIpv6 ? 'IPv6' : 'IPv4';
  const ordered = found
    .filter(({ isLost }) => !isLost)
    .toSorted(
      (a, b) =>
        Number(b.slice.addressType === preferred) - Number(a.slice.addressType === preferred) ||
        compareText(a.slice.metadata.name, b.slice.metadata.name),
    );
  const workloads = new Map<string, Workload>();
  for (const located of ordered) {
    for (const address of located.endpoint.addresses) {
      const { pod } = located;
      const key = isHeadless || pod === undefined ? address : `${pod.metadata.namespace}/${pod.metadata.name}`;
      const known = workloads.get(key);
      const merged = merge(known, toWorkload(service, located, address));
      if (merged !== known) workloads.set(key, merged);
    }
  }
  return [...workloads.values()];
}

function merge(known: Workload | undefined, found: Workload): Workload {
  if (known === undefined || (!known.isReady && found.isReady)) return found;
  const isPart = known.address === found.address && (found.isReady || !known.isReady);
  const hasMore = isPart && Object.keys(found.ports).some((name) => known.ports[name] === undefined);
  return hasMore ? { ...known, ports: { ...found.ports, ...known.ports } } : known;
}

function toWorkload(service: MeshService, located: Located, address: string): Workload {
  const { slice, endpoint } = located;
  const ports = slice.ports.filter(({ protocol }) => protocol === 'TCP').map(({ name, port }) => [name, port] as const);
  return {
    ...describe(located, slice.metadata.namespace),
    address,
    ports: Object.fromEntries(ports.filter((entry): entry is readonly [string, number] => entry[1] !== undefined)),
    portsAre: 'slice',
    isReady: takesTraffic(endpoint, service.publishesNotReady),
    hostname: hostnameOf(located, service),
  };
}

/** Who and where an endpoint is. Without a pod nobody: it is no part of the mesh. */
function describe(
  {
    pod,
    node,
    endpoint,
  }: Readonly<{ pod: Pod | undefined; node: Node | undefined; endpoint: SliceEndpoint | undefined }>,
  namespace: string,
): Omit<Workload, 'address' | 'ports' | 'portsAre' | 'isReady' | 'hostname'> {
  const labels = pod?.metadata.labels ?? {};
  return {
    name: pod === undefined ? '' : workloadNameOf(pod),
    namespace: pod?.metadata.namespace ?? namespace,
    labels,
    locality: localityOf(labels, node, endpoint),
    serviceAccount: pod === undefined ? '' : (pod.spec.serviceAccountName ?? 'default'),
    weight: 1,
    isInMesh: labels['security.istio.io/tlsMode'] === 'istio',
    nodeName: pod?.spec.nodeName ?? endpoint?.nodeName ?? '',
  };
}

/** The name below a headless service (`db-0` of `db-0.db.shop.svc.cluster.local`): of a pod that says it belongs there, or as written. */
function hostnameOf({ pod, endpoint }: Located, service: MeshService): string {
  if (pod === undefined || pod.spec.subdomain !== service.name) return endpoint.hostname ?? '';
  return pod.spec.hostname ?? pod.metadata.name;
}

/** `region/zone/subzone`: the pod's own label, else its node's, else what the slice says. */
function localityOf(
  labels: Readonly<Record<string, string>>,
  node: Node | undefined,
  endpoint: SliceEndpoint | undefined,
): string {
  const own = labels['istio-locality'];
  if (own !== undefined) return own.includes('/') ? own : own.replaceAll('.', '/');
  const of = node?.metadata.labels ?? {};
  const region = of[topologyLabels.region] ?? of[topologyLabels.oldRegion] ?? endpoint?.region ?? '';
  const zone = of[topologyLabels.zone] ?? of[topologyLabels.oldZone] ?? endpoint?.zone ?? '';
  return [region, zone, of[topologyLabels.subzone] ?? ''].join('/').replace(/\/+$/, '');
}
