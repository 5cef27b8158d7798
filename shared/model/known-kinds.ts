import type { ResourceKind } from './resource.ts';

/** The kinds of the field: those that a catalog holds, those that are not honoured yet, and the groups that have them. */

/** What a document is: a kind to be parsed, one that is known but not honoured yet, or an unknown one. */
export type KindStanding = Readonly<
  { standing: 'honoured'; kind: ResourceKind } | { standing: 'unhonoured' | 'unknown' }
>;

const istioVersions = ['v1', 'v1beta1', 'v1alpha3'].map((version) => `networking.istio.io/${version}`);
const securityVersions = ['v1', 'v1beta1'].map((version) => `security.istio.io/${version}`);
const splitVersions = ['v1alpha1', 'v1alpha2', 'v1alpha3', 'v1alpha4'].map((version) => `split.smi-spec.io/${version}`);

const honoured: Readonly<Record<ResourceKind, readonly string[]>> = {
  Service: ['v1'],
  VirtualService: istioVersions,
  DestinationRule: istioVersions,
  ServiceEntry: istioVersions,
  WorkloadEntry: istioVersions,
  WorkloadGroup: istioVersions,
  Sidecar: istioVersions,
  PeerAuthentication: securityVersions,
  TrafficSplit: splitVersions,
  Pod: ['v1'],
  EndpointSlice: ['v1', 'v1beta1'].map((version) => `discovery.k8s.io/${version}`),
  Node: ['v1'],
  Namespace: ['v1'],
};

/** Kinds that are applied together with ours. An empty list: every kind of the group. */
const unhonoured: Readonly<Record<string, readonly string[]>> = {
  '': [
    'ConfigMap',
    'Endpoints',
    'Event',
    'LimitRange',
    'PersistentVolume',
    'PersistentVolumeClaim',
    'PodTemplate',
    'ReplicationController',
    'ResourceQuota',
    'Secret',
    'ServiceAccount',
  ],
  'networking.istio.io': ['Gateway', 'EnvoyFilter', 'ProxyConfig'],
  'security.istio.io': ['AuthorizationPolicy', 'RequestAuthentication'],
  'telemetry.istio.io': ['Telemetry'],
  'extensions.istio.io': ['WasmPlugin'],
  'install.istio.io': ['IstioOperator'],
  'gateway.networking.k8s.io': [],
  apps: [],
  batch: [],
  autoscaling: [],
  policy: [],
  'networking.k8s.io': [],
  'discovery.k8s.io': [],
  'rbac.authorization.k8s.io': [],
  'storage.k8s.io': [],
  'scheduling.k8s.io': [],
  'coordination.k8s.io': [],
  'apiextensions.k8s.io': [],
  'admissionregistration.k8s.io': [],
  'specs.smi-spec.io': [],
  'access.smi-spec.io': [],
  'metrics.smi-spec.io': [],
};

/** Where a kind stands. */
export function standingOf(apiVersion: string, kind: string): KindStanding {
  if (isResourceKind(kind) && honoured[kind].includes(apiVersion)) return { standing: 'honoured', kind };
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const kinds = Object.hasOwn(unhonoured, group) && apiVersion !== '' ? unhonoured[group] : undefined;
  const isUnhonoured = kinds !== undefined && (kinds.length === 0 || kinds.includes(kind));
  return { standing: isUnhonoured ? 'unhonoured' : 'unknown' };
}

/** The versions in which a kind is read, for messages. */
export function versionsOf(kind: string): readonly string[] {
  return isResourceKind(kind) ? honoured[kind] : [];
}

/** Every kind that a catalog holds. */
export const resourceKinds = Object.keys(honoured) as readonly ResourceKind[];

function isResourceKind(kind: string): kind is ResourceKind {
  return Object.hasOwn(honoured, kind);
}
