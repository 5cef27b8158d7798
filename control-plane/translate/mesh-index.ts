import type { MeshConfig } from '#shared/model/mesh-config.ts';
import type { Pod, Sidecar, WorkloadGroup } from '#shared/model/resource.ts';
import { matchesLabels } from '#shared/model/selector.ts';
import { byAge, compareText } from '#shared/model/by-age.ts';
import { automaticAddresses, keyOf } from './auto-addresses.ts';
import { resolveDelegates } from './delegates.ts';
import { groupRules, type RulesByNamespace } from './destination-rules.ts';
import { Memo } from './memo.ts';
import type { MeshResources } from './mesh-resources.ts';
import { fromService, fromServiceEntry, type MeshService } from './mesh-service.ts';
import { groupPeerPolicies, type PeerPolicies, peerPolicyFor, type PeerPolicy } from './peer-authentication.ts';
import type { Scope } from './scope.ts';
import { type ClusterFacts, gatherFacts, podWorkload, sliceWorkloads } from './slice-workloads.ts';
import { toVirtualService } from './traffic-splits.ts';
import { type MeshVirtualService, meshVirtualServices } from './virtual-services.ts';
import { fromWorkloadEntry, isHealthy, inlineWorkloads, selectWorkloads, type Workload } from './workloads.ts';

/** One generation of resources, prepared for all proxies. */
export type MeshIndex = Readonly<{
  generation: number;
  mesh: MeshConfig;
  /** One a host and namespace (the oldest), oldest first. */
  services: readonly MeshService[];
  workloads: ReadonlyMap<string, readonly Workload[]>;
  /** Workloads by namespace and label, `namespace/name=value`. */
  workloadsByLabel: ReadonlyMap<string, readonly Workload[]>;
  /** Workloads that may not get traffic are known all the same: their own proxies need their ports. */
  unhealthy: ReadonlySet<Workload>;
  /** Pods, slices and nodes. */
  facts: ClusterFacts;
  virtualServices: readonly MeshVirtualService[];
  rules: RulesByNamespace;
  peerPolicies: PeerPolicies;
  workloadGroups: readonly WorkloadGroup[];
  /** Sidecars by namespace: those with a selector first, the older first. */
  sidecars: ReadonlyMap<string, readonly Sidecar[]>;
  /** What was built from what; shared with the generations before and after. */
  memo: Memo;
  /** Scopes of this generation, filled as proxies ask. */
  scopes: Map<string, Scope>;
  /** Workloads of each service and policy of each workload in this generation, filled as they are asked for. */
  workloadsByService: Map<MeshService, readonly Workload[]>;
  healthyByService: Map<MeshService, readonly Workload[]>;
  policies: Map<Workload, PeerPolicy>;
}>;

/** Prepares the resources of one generation; what did not change is taken over from the generation before. */
export function indexMesh(resources: MeshResources, previous?: MeshIndex): MeshIndex {
  const memo = previous?.memo ?? new Memo();
  memo.advance(resources.generation);
  const { rootNamespace } = resources.mesh;
  const services = indexServices(resources, memo);
  const workloads = resources.workloadEntries.map((entry) => {
    const key = `workload/${entry.metadata.namespace}/${entry.metadata.name}`;
    return { workload: memo.get(key, [entry], () => fromWorkloadEntry(entry)), isHealthy: isHealthy(entry) };
  });
  const all = workloads.map(({ workload }) => workload);
  // A split for some requests only is not made one for all of them.
  const plain = resources.trafficSplits.filter(({ spec }) => (spec.matches ?? []).length === 0);
  const splits = plain.map((split) => {
    const key = `split/${split.metadata.namespace}/${split.metadata.name}`;
    return memo.get(key, [split], () => toVirtualService(split));
  });
  return {
    generation: resources.generation,
    mesh: memo.intern('mesh', resources.mesh),
    services,
    workloads: Map.groupBy(all, ({ namespace }) => namespace),
    workloadsByLabel: indexByLabel(all),
    unhealthy: new Set(workloads.filter((w) => !w.isHealthy).map(({ workload }) => workload)),
    facts: gatherFacts(resources),
    virtualServices: meshVirtualServices(resolveDelegates(resources.virtualServices, memo), splits),
    rules: groupRules(resources.destinationRules),
    peerPolicies: memo.get('peer-policies', [...resources.peerAuthentications, rootNamespace], () =>
      groupPeerPolicies(resources.peerAuthentications, rootNamespace),
    ),
    workloadGroups: resources.workloadGroups,
    sidecars: groupSidecars(resources.sidecars),
    memo,
    scopes: new Map(),
    workloadsByService: new Map(),
    healthyByService: new Map(),
    policies: new Map(),
  };
}

/**
 * The workloads behind a service: those of its slices, those that it selects in its namespace (WorkloadEntries, and pods for a
 * ServiceEntry), and those written inside it.
 */
export function workloadsBehind(index: MeshIndex, service: MeshService): readonly Workload[] {
  const known = index.workloadsByService.get(service);
  if (known !== undefined) {
    return known;
  }
  const [label] = Object.entries(service.selector ?? {});
  const candidates = label === undefined ? [] : index.workloadsByLabel.get(labelKey(service.namespace, label));
  const selected = selectWorkloads(service, candidates ?? []);
  const inline = index.memo.get(`inline/${service.namespace}/${service.host}`, [service], () =>
    inlineWorkloads(service),
  );
  const ofCluster = sliceWorkloads(index.facts, index.memo, service) ?? selectPods(index, service);
  // The same list while nothing of it changes: what is made of it then need not be looked at again.
  const workloads = index.memo.get(
    `behind/${service.namespace}/${service.host}`,
    [ofCluster, ...selected, ...inline],
    () => [...ofCluster, ...selected, ...inline],
  );
  index.workloadsByService.set(service, workloads);
  return workloads;
}

/** The workloads behind a service that may get traffic. */
export function healthyWorkloads(index: MeshIndex, service: MeshService): readonly Workload[] {
  const known = index.healthyByService.get(service);
  if (known !== undefined) {
    return known;
  }
  const all = workloadsBehind(index, service);
  const sick = index.unhealthy.size === 0 ? [] : all.filter((workload) => index.unhealthy.has(workload));
  const healthy = index.memo.get(`healthy/${service.namespace}/${service.host}`, [all, ...sick], () =>
    all.filter((workload) => workload.isReady && !index.unhealthy.has(workload)),
  );
  index.healthyByService.set(service, healthy);
  return healthy;
}

/** Pods that a ServiceEntry selects. Those of a Kubernetes Service are in its slices, or nowhere. */
function selectPods(index: MeshIndex, service: MeshService): readonly Workload[] {
  const { selector, namespace } = service;
  if (service.isKubernetes || selector === undefined) {
    return [];
  }
  return [...index.facts.pods.values()]
    .filter(({ metadata, status }) => metadata.namespace === namespace && isServing(status))
    .filter(({ metadata }) => matchesLabels(selector, metadata.labels))
    .map((pod) => podWorkload(index.facts, index.memo, pod));
}

function isServing({ phase, conditions, podIPs }: Pod['status']): boolean {
  return phase === 'Running' && podIPs.length > 0 && conditions.some(({ status }) => status === 'True');
}

/** What the sidecar of a workload takes. */
export function peerPolicyOf(index: MeshIndex, workload: Workload): PeerPolicy {
  const known = index.policies.get(workload);
  if (known !== undefined) {
    return known;
  }
  const policy = peerPolicyFor(index.peerPolicies, workload.namespace, workload.labels);
  index.policies.set(workload, policy);
  return policy;
}

function indexByLabel(workloads: readonly Workload[]): ReadonlyMap<string, readonly Workload[]> {
  const byLabel = new Map<string, Workload[]>();
  for (const workload of workloads) {
    for (const label of Object.entries(workload.labels)) {
      const key = labelKey(workload.namespace, label);
      const known = byLabel.get(key);
      if (known === undefined) {
        byLabel.set(key, [workload]);
      } else {
        known.push(workload);
      }
    }
  }
  return byLabel;
}

function labelKey(namespace: string, [name, value]: readonly [string, string]): string {
  return `${namespace}/${name}=${value}`;
}

function indexServices(resources: MeshResources, memo: Memo): readonly MeshService[] {
  const fromKubernetes = resources.services.map((service) => {
    const key = `service/${service.metadata.namespace}/${service.metadata.name}`;
    return memo.get(key, [service], () => fromService(service));
  });
  const fromEntries = resources.serviceEntries.flatMap((entry) => {
    const key = `entry/${entry.metadata.namespace}/${entry.metadata.name}`;
    return memo.get(key, [entry], () => fromServiceEntry(entry));
  });
  const unique = new Map<string, MeshService>();
  for (const service of [...fromKubernetes, ...fromEntries].toSorted(byServiceAge)) {
    const key = `${service.namespace}/${service.host}`;
    unique.set(key, unique.get(key) ?? service);
  }
  return withAutomaticAddresses([...unique.values()], memo);
}

function withAutomaticAddresses(services: readonly MeshService[], memo: Memo): readonly MeshService[] {
  const found = automaticAddresses(services);
  return services.map((service) => {
    const key = keyOf(service);
    const address = found.get(key);
    return address === undefined
      ? service
      : memo.get(`automatic/${key}`, [service, address.v4], () => ({ ...service, automaticAddress: address }));
  });
}

function byServiceAge(a: MeshService, b: MeshService): number {
  return compareText(a.creationTimestamp, b.creationTimestamp) || compareText(a.host, b.host);
}

function groupSidecars(sidecars: readonly Sidecar[]): ReadonlyMap<string, readonly Sidecar[]> {
  const hasSelector = ({ spec }: Sidecar): boolean => Object.keys(spec.workloadSelector?.labels ?? {}).length > 0;
  const sorted = sidecars.toSorted((a, b) => Number(hasSelector(b)) - Number(hasSelector(a)) || byAge(a, b));
  return Map.groupBy(sorted, ({ metadata }) => metadata.namespace);
}
