/** What the account of a control plane must be allowed, to read: manifests are made from it. Discovery needs nothing (`system:discovery`). */
import type { ResourceKind } from '#shared/model/resource.ts';
import { watchedKinds, type WatchedKind } from './kinds.ts';

/** A rule of a Role or ClusterRole (`rbac.authorization.k8s.io/v1`). */
export type PolicyRule = Readonly<{
  apiGroups: readonly string[];
  resources: readonly string[];
  verbs: readonly string[];
}>;

const plurals: Readonly<Record<ResourceKind, string>> = {
  Service: 'services',
  VirtualService: 'virtualservices',
  DestinationRule: 'destinationrules',
  ServiceEntry: 'serviceentries',
  WorkloadEntry: 'workloadentries',
  WorkloadGroup: 'workloadgroups',
  Sidecar: 'sidecars',
  PeerAuthentication: 'peerauthentications',
  TrafficSplit: 'trafficsplits',
  Pod: 'pods',
  EndpointSlice: 'endpointslices',
  Node: 'nodes',
  Namespace: 'namespaces',
};

const verbs = ['list', 'watch'] as const;

function rulesFor(kinds: readonly WatchedKind[]): readonly PolicyRule[] {
  return [...Map.groupBy(kinds, ({ group }) => group)].map(([group, members]) => ({
    apiGroups: [group],
    resources: members.map(({ kind }) => plurals[kind]),
    verbs,
  }));
}

/**
 * For a control plane of the whole cluster, both in a ClusterRole. For one of some namespaces (`--watch-namespaces`): `namespaced` in a Role
 * of each, the root namespace among them; `cluster` is then of use (places of endpoints), but not needed.
 */
export const readRules = {
  cluster: rulesFor(watchedKinds.filter(({ isNamespaced }) => !isNamespaced)),
  namespaced: rulesFor(watchedKinds.filter(({ isNamespaced }) => isNamespaced)),
} as const;
