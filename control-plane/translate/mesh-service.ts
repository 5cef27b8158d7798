import type { Service, ServiceEntry } from '#shared/model/resource.ts';
import type { ServicePort } from '#shared/model/service.ts';
import type { InlineEndpoint } from './workloads.ts';
import { type AutomaticAddress, takesAutomaticAddress } from './auto-addresses.ts';
import { resolveHost } from '#shared/model/hostname.ts';
import { type Protocol, selectProtocol } from '#shared/model/protocol.ts';

/** A port on which clients reach a service. */
export type MeshPort = Readonly<{
  name: string;
  port: number;
  protocol: Protocol;
  /** Where the workload listens: a number, or the name of a port of the workload. */
  target: number | string;
}>;

/** How the endpoints of a service are found. `NONE`: the client's original destination is the endpoint. */
export type Resolution = 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN' | 'NONE';

/** A host with ports: one Kubernetes Service, or one host of a ServiceEntry. */
export type MeshService = Readonly<{
  host: string;
  name: string;
  namespace: string;
  isKubernetes: boolean;
  /** Outside the mesh: no mutual TLS unless a DestinationRule says so. */
  isExternal: boolean;
  resolution: Resolution;
  /** Virtual addresses, or CIDR blocks. */
  addresses: readonly string[];
  /** Whether it is to get an address of its own where proxies resolve names themselves, and which one it got. */
  takesAutomaticAddress: boolean;
  automaticAddress?: AutomaticAddress | undefined;
  ports: readonly MeshPort[];
  /** Labels of the workloads behind it; `undefined` when it selects none. */
  selector?: Readonly<Record<string, string>> | undefined;
  endpoints: readonly InlineEndpoint[];
  /** Names that endpoints outside the mesh may present (`subjectAltNames`). */
  subjectAltNames: readonly string[];
  /** Namespaces that may see it; `*` all, `.` its own. */
  exportTo: readonly string[];
  creationTimestamp: string;
  /** Endpoints that are not ready get traffic too. */
  publishesNotReady: boolean;
  /** Which endpoints are nearer than others, without a DestinationRule's word. */
  trafficDistribution: 'Any' | 'PreferSameZone' | 'PreferSameNode';
}>;

type EntryPort = NonNullable<ServiceEntry['spec']['ports']>[number];

/** The mesh's view of a Kubernetes Service. */
export function fromService(service: Service): MeshService {
  const { metadata, spec } = service;
  return {
    host: resolveHost(metadata.name, metadata.namespace),
    name: metadata.name,
    namespace: metadata.namespace,
    isKubernetes: true,
    isExternal: false,
    resolution: serviceResolution(service),
    addresses: serviceAddresses(service),
    takesAutomaticAddress: false,
    ports: spec.ports.filter((port) => port.protocol === 'TCP').map(servicePort),
    selector: hasEntries(spec.selector) ? spec.selector : undefined,
    endpoints: spec.externalName === undefined ? [] : [{ address: spec.externalName }],
    subjectAltNames: [],
    exportTo: exportTo(metadata.annotations['networking.istio.io/exportTo']),
    creationTimestamp: metadata.creationTimestamp ?? '',
    publishesNotReady: spec.publishNotReadyAddresses === true,
    trafficDistribution: trafficDistribution(
      spec.trafficDistribution ?? metadata.annotations['networking.istio.io/traffic-distribution'],
    ),
  };
}

/** The mesh's view of a ServiceEntry: one service a host. */
export function fromServiceEntry(entry: ServiceEntry): readonly MeshService[] {
  const { metadata, spec } = entry;
  const selector = spec.workloadSelector?.labels;
  return spec.hosts.map((host) => ({
    host: host.toLowerCase(),
    name: host,
    namespace: metadata.namespace,
    isKubernetes: false,
    isExternal: spec.location !== 'MESH_INTERNAL',
    resolution: entryResolution(spec.resolution),
    addresses: spec.addresses ?? [],
    takesAutomaticAddress: takesAutomaticAddress(entry, host),
    ports: (spec.ports ?? []).map(entryPort).filter(({ protocol }) => protocol !== 'udp'),
    selector: hasEntries(selector) ? selector : undefined,
    endpoints: spec.endpoints ?? [],
    subjectAltNames: spec.subjectAltNames ?? [],
    exportTo: spec.exportTo ?? [],
    creationTimestamp: metadata.creationTimestamp ?? '',
    publishesNotReady: false,
    trafficDistribution: trafficDistribution(metadata.annotations['networking.istio.io/traffic-distribution']),
  }));
}

/** Whether a proxy in a namespace may see something, by its `exportTo` (empty: everyone) and its own namespace. */
export function isExportedTo(exportTo: readonly string[], owner: string, namespace: string): boolean {
  return (
    exportTo.length === 0 ||
    exportTo.some((target) => target === '*' || target === namespace || (target === '.' && owner === namespace))
  );
}

function serviceResolution({ spec }: Service): Resolution {
  if (spec.type === 'ExternalName') {
    return 'DNS';
  }
  return spec.clusterIP === 'None' ? 'NONE' : 'STATIC';
}

function serviceAddresses({ spec }: Service): readonly string[] {
  const declared = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  return declared.filter((address) => address !== '' && address !== 'None');
}

function servicePort(port: ServicePort): MeshPort {
  return {
    name: port.name ?? '',
    port: port.port,
    protocol: selectProtocol({ name: port.name, port: port.port, appProtocol: port.appProtocol }),
    target: port.targetPort ?? port.port,
  };
}

function entryPort({ name, number, protocol, targetPort }: EntryPort): MeshPort {
  const hints = { name, port: number, appProtocol: protocol };
  return { name, port: number, protocol: selectProtocol(hints), target: targetPort ?? number };
}

function entryResolution(resolution: ServiceEntry['spec']['resolution']): Resolution {
  switch (resolution) {
    case 'STATIC':
    case 'DNS':
    case 'DNS_ROUND_ROBIN':
      return resolution;
    case 'NONE':
    case 'DYNAMIC_DNS':
    case undefined:
      return 'NONE';
  }
}

function exportTo(annotation: string | undefined): readonly string[] {
  return annotation === undefined ? [] : annotation.split(',').map((name) => name.trim());
}

/** `PreferClose` is the older name of `PreferSameZone`. */
function trafficDistribution(wanted: string | undefined): MeshService['trafficDistribution'] {
  switch (wanted?.toLowerCase()) {
    case 'preferclose':
    case 'prefersamezone':
      return 'PreferSameZone';
    case 'prefersamenode':
      return 'PreferSameNode';
    default:
      return 'Any';
  }
}

function hasEntries(labels: Readonly<Record<string, string>> | undefined): boolean {
  return labels !== undefined && Object.keys(labels).length > 0;
}
