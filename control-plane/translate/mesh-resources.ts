import type { MeshConfig } from '#shared/model/mesh-config.ts';
import type {
  DestinationRule,
  PeerAuthentication,
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
}>;

/** Sorts resources by their kinds. */
export function toMeshResources(generation: number, mesh: MeshConfig, resources: readonly Resource[]): MeshResources {
  const of = <K extends ResourceKind>(kind: K) =>
    resources.filter((resource): resource is Extract<Resource, { kind: K }> => resource.kind === kind);
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
  };
}
