import type { Metadata } from './metadata.ts';

/** The controller that made a pod. */
export type ControllerReference = Readonly<{ apiVersion: string; kind: string; name: string; controller: true }>;

/** What is read of a pod's metadata. Of annotations only the mesh's are kept. */
export type PodMetadata = Metadata &
  Readonly<{
    /** Set on pods whose name a controller made up. */
    generateName?: string | undefined;
    /** The controller alone. */
    ownerReferences?: readonly ControllerReference[] | undefined;
    /** RFC 3339; the pod is going away. */
    deletionTimestamp?: string | undefined;
  }>;

export type ContainerPort = Readonly<{ name?: string | undefined; containerPort: number; protocol: string }>;
export type Container = Readonly<{ name: string; ports?: readonly ContainerPort[] | undefined }>;

/** The part of a pod's spec that Tulle reads. */
export type PodSpec = Readonly<{
  containers: readonly Container[];
  initContainers?: readonly Container[] | undefined;
  nodeName?: string | undefined;
  serviceAccountName?: string | undefined;
  hostname?: string | undefined;
  subdomain?: string | undefined;
  hostNetwork?: boolean | undefined;
}>;

/** The part of a pod's status that Tulle reads; `conditions` holds `Ready` alone. */
export type PodStatus = Readonly<{
  phase?: string | undefined;
  podIPs: readonly Readonly<{ ip: string }>[];
  conditions: readonly Readonly<{ type: string; status: string }>[];
}>;

/** Labels of topology, on nodes (and in `topology` of old EndpointSlices). */
export const topologyLabels = {
  region: 'topology.kubernetes.io/region',
  zone: 'topology.kubernetes.io/zone',
  subzone: 'topology.istio.io/subzone',
  hostname: 'kubernetes.io/hostname',
  oldRegion: 'failure-domain.beta.kubernetes.io/region',
  oldZone: 'failure-domain.beta.kubernetes.io/zone',
} as const;

type Named = Readonly<{
  metadata: PodMetadata;
}>;

/**
 * The name of the workload that a pod belongs to, as Istio has it (`GetWorkloadMetaFromPod`): the label
 * `service.istio.io/workload-name`; else, for a pod of a controller, the controller's name, without the hash of its template for a
 * ReplicaSet and without the time for the Job of a CronJob; else the pod's own.
 */
export function workloadNameOf({ metadata }: Named): string {
  const { name, generateName = '', labels, ownerReferences = [] } = metadata;
  const said = labels['service.istio.io/workload-name'];
  if (said !== undefined) return said;
  const [owner] = ownerReferences;
  if (generateName === '' || owner === undefined) return name;
  const hash = labels['pod-template-hash'] ?? '';
  if (owner.kind === 'ReplicaSet' && hash !== '' && owner.name.endsWith(`-${hash}`))
    return owner.name.slice(0, -hash.length - 1);
  if (owner.kind === 'Job') return /^(.+)-\d{8,10}$/.exec(owner.name)?.[1] ?? owner.name;
  return owner.name;
}
