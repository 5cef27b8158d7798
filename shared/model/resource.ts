/**
 * The resource model: what users write, typed. A resource is one YAML document of a kind that Tulle knows, parsed from
 * `unknown` by `parse.ts` and validated; it is a frozen value. Spec types are those of `@kubernetes-models/istio`.
 */
import type { IDestinationRule } from '@kubernetes-models/istio/networking.istio.io/v1/DestinationRule';
import type { IServiceEntry } from '@kubernetes-models/istio/networking.istio.io/v1/ServiceEntry';
import type { ISidecar } from '@kubernetes-models/istio/networking.istio.io/v1/Sidecar';
import type { IVirtualService } from '@kubernetes-models/istio/networking.istio.io/v1/VirtualService';
import type { IWorkloadEntry } from '@kubernetes-models/istio/networking.istio.io/v1/WorkloadEntry';
import type { IWorkloadGroup } from '@kubernetes-models/istio/networking.istio.io/v1/WorkloadGroup';
import type { IPeerAuthentication } from '@kubernetes-models/istio/security.istio.io/v1/PeerAuthentication';
import type { EndpointSliceBody } from './endpoint-slice.ts';
import type { Metadata } from './metadata.ts';
import type { PodMetadata, PodSpec, PodStatus } from './pod.ts';
import type { ServiceSpec } from './service.ts';
import type { TrafficSplitSpec } from './traffic-split.ts';

/** A resource of one kind. `apiVersion` is as the user wrote it (v1, v1beta1 and v1alpha3 of Istio have one shape). */
export type ResourceOf<K extends string, Spec> = Readonly<{
  kind: K;
  apiVersion: string;
  metadata: Metadata;
  spec: Spec;
}>;

export type Service = ResourceOf<'Service', ServiceSpec>;
export type VirtualService = ResourceOf<'VirtualService', NonNullable<IVirtualService['spec']>>;
export type DestinationRule = ResourceOf<'DestinationRule', NonNullable<IDestinationRule['spec']>>;
export type ServiceEntry = ResourceOf<'ServiceEntry', NonNullable<IServiceEntry['spec']>>;
export type WorkloadEntry = ResourceOf<'WorkloadEntry', NonNullable<IWorkloadEntry['spec']>> &
  Readonly<{
    /** Condition `Healthy` with status `False`: the workload gets no traffic. */
    status?:
      | Readonly<{ conditions: readonly Readonly<{ type: string; status: string; message?: string | undefined }>[] }>
      | undefined;
  }>;
export type WorkloadGroup = ResourceOf<'WorkloadGroup', NonNullable<IWorkloadGroup['spec']>>;
export type PeerAuthentication = ResourceOf<'PeerAuthentication', NonNullable<IPeerAuthentication['spec']>>;
export type Sidecar = ResourceOf<'Sidecar', NonNullable<ISidecar['spec']>>;
export type TrafficSplit = ResourceOf<'TrafficSplit', TrafficSplitSpec>;

/** Facts about a cluster: what is not read of them is left out, and nothing is said about it. */
export type Pod = Omit<ResourceOf<'Pod', PodSpec>, 'metadata'> & Readonly<{ metadata: PodMetadata; status: PodStatus }>;
export type EndpointSlice = Omit<ResourceOf<'EndpointSlice', undefined>, 'spec'> &
  EndpointSliceBody &
  Readonly<{ spec?: undefined }>;
/** Only labels of topology are kept. Like a Namespace it has no namespace of its own: `default` stands there. */
export type Node = ResourceOf<'Node', Readonly<Record<string, never>>>;
export type Namespace = ResourceOf<'Namespace', Readonly<Record<string, never>>>;

/** Every kind that the catalog holds. */
export type Resource =
  | Service
  | VirtualService
  | DestinationRule
  | ServiceEntry
  | WorkloadEntry
  | WorkloadGroup
  | PeerAuthentication
  | Sidecar
  | TrafficSplit
  | Pod
  | EndpointSlice
  | Node
  | Namespace;

export type ResourceKind = Resource['kind'];

/** `KIND/NAMESPACE/NAME`: what a resource is known by. */
export function resourceKey(
  resource: Readonly<{ kind: string; metadata: Pick<Metadata, 'name' | 'namespace'> }>,
): string {
  return `${resource.kind}/${resource.metadata.namespace}/${resource.metadata.name}`;
}
