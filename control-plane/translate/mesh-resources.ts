import type { MeshConfig } from '#shared/model/mesh-config.ts';
import type {
  DestinationRule,
  EndpointSlice,
  Node,
  PeerAuthentication,
  Pod,
  Resource,
  ResourceKind,
  Service,
  ServiceEntry,
  Sidecar,
  TrafficSplit,
  VirtualService,
  WorkloadEntry,
  WorkloadGroup,
} from '#shared/model/resource.ts';

/** Everything that the translation reads, at one generation of the catalog. Unchanged resources keep their identity. */
export type MeshResources = Readonly<{
  generation: number;
  mesh: MeshConfig;
  services: readonly Service[];
  virtualServices: readonly VirtualService[];
  destinationRules: readonly DestinationRule[];
  serviceEntries: readonly ServiceEntry[];
  workloadEntries: readonly WorkloadEntry[];
  workloadGroups: readonly WorkloadGroup[];
  peerAuthentications: readonly PeerAuthentication[];
  sidecars: readonly Sidecar[];
  trafficSplits: readonly TrafficSplit[];
  pods: readonly Pod[];
  endpointSlices: readonly EndpointSlice[];
  nodes: readonly Node[];
}>;

type OfKind<K extends ResourceKind> = Extract<Resource, Readonly<{ kind: K }>>;

/** Sorts resources by their kinds. */
export function toMeshResources(generation: number, mesh: MeshConfig, resources: readonly Resource[]): MeshResources {
  const byKind: ReadonlyMap<string, readonly Resource[]> = Map.groupBy(resources, ({ kind }) => kind);
  // Grouped by this very field.
  const of = <K extends ResourceKind>(kind: K) => (byKind.get(kind) ?? []) as readonly OfKind<K>[];
  return {
    generation,
    mesh,
    services: of('Service'),
    virtualServices: of('VirtualService'),
    destinationRules: of('DestinationRule'),
    serviceEntries: of('ServiceEntry'),
    workloadEntries: of('WorkloadEntry'),
    workloadGroups: of('WorkloadGroup'),
    peerAuthentications: of('PeerAuthentication'),
    sidecars: of('Sidecar'),
    trafficSplits: of('TrafficSplit'),
    pods: of('Pod'),
    endpointSlices: of('EndpointSlice'),
    nodes: of('Node'),
  };
}
