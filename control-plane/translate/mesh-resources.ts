import type { MeshConfig } from '#shared/model/mesh-config.ts';
import type {
  DestinationRule,
  PeerAuthentication,
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
