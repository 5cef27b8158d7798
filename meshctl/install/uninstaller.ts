/**
 * What there is of Tulle in a cluster, and its removal: webhooks first, so that nothing is ever called that is gone; the namespace
 * last, with the Secret of the certificate authority.
 */
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { rootCertificateConfigMap, statusAnnotation } from '#shared/kubernetes/names.ts';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import { collectionPath, type ObjectRef } from '../kubernetes/discovery.ts';
import { createdAnnotation } from './carry-over.ts';
import { inventoryName, readInventory } from './inventory.ts';

const label = 'app.kubernetes.io/managed-by=tulle';

/** Kinds that an installation may have left, in the order in which they go; the first version that the server has counts. */
const kinds: readonly Readonly<{ kind: string; versions: readonly string[] }>[] = [
  { kind: 'MutatingWebhookConfiguration', versions: ['admissionregistration.k8s.io/v1'] },
  { kind: 'ValidatingWebhookConfiguration', versions: ['admissionregistration.k8s.io/v1'] },
  { kind: 'PodMonitor', versions: ['monitoring.coreos.com/v1'] },
  { kind: 'HorizontalPodAutoscaler', versions: ['autoscaling/v2', 'autoscaling/v2beta2'] },
  { kind: 'PodDisruptionBudget', versions: ['policy/v1', 'policy/v1beta1'] },
  { kind: 'Deployment', versions: ['apps/v1'] },
  { kind: 'Service', versions: ['v1'] },
  { kind: 'NetworkPolicy', versions: ['networking.k8s.io/v1'] },
  { kind: 'ConfigMap', versions: ['v1'] },
  { kind: 'RoleBinding', versions: ['rbac.authorization.k8s.io/v1'] },
  { kind: 'Role', versions: ['rbac.authorization.k8s.io/v1'] },
  { kind: 'ClusterRoleBinding', versions: ['rbac.authorization.k8s.io/v1'] },
  { kind: 'ClusterRole', versions: ['rbac.authorization.k8s.io/v1'] },
  { kind: 'ServiceAccount', versions: ['v1'] },
];
const definitionKind = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' };

/** A definition, and how many of the users' resources go with it. */
export type Definition = Readonly<{ ref: ObjectRef; resources: number }>;

/** What there is. `namespace`: null when it is not ours to delete. */
export type Leftovers = Readonly<{
  objects: readonly ObjectRef[];
  definitions: readonly Definition[];
  namespace: ObjectRef | null;
  /** A namespace of that name is there, but was before the installation. */
  keepsNamespace: boolean;
  /** `NAMESPACE/NAME` of pods that have a sidecar. */
  injectedPods: readonly string[];
}>;

/** Finds everything that an installation in `namespace` and its control plane made. */
export async function findLeftovers(cluster: Cluster, namespace: string): Promise<Leftovers> {
  const { api } = cluster;
  const own = await api.read(`/api/v1/namespaces/${namespace}`);
  const inventory = readInventory(await api.read(`/api/v1/namespaces/${namespace}/configmaps/${inventoryName}`));
  const found: ObjectRef[] = [];
  for (const { kind, versions } of kinds) found.push(...(await findKind(cluster, kind, versions)));
  found.push(...(await findRootCertificates(cluster)));
  const pods = await api.list('/api/v1/pods');
  const isOurs = own?.metadata.annotations?.[createdAnnotation] !== undefined;
  return {
    objects: distinct([...found, ...(await present(cluster, inventory))]),
    definitions: await findDefinitions(cluster),
    namespace: isOurs ? { apiVersion: 'v1', kind: 'Namespace', namespace: '', name: namespace } : null,
    keepsNamespace: own !== null && !isOurs,
    injectedPods: pods.items
      .filter(({ metadata }) => metadata.annotations?.[statusAnnotation] !== undefined)
      .map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`),
  };
}

async function findKind(
  { api, discovery }: Cluster,
  kind: string,
  versions: readonly string[],
): Promise<readonly ObjectRef[]> {
  for (const apiVersion of versions) {
    const served = await discovery.find(apiVersion, kind);
    if (served === null) continue;
    const { items } = await api.list(collectionPath(apiVersion, served, ''), { labelSelector: label });
    return items.map((object) => refTo(object, { apiVersion, kind }));
  }
  return [];
}

/** The control plane puts one into every namespace. */
async function findRootCertificates({ api }: Cluster): Promise<readonly ObjectRef[]> {
  const selection = { fieldSelector: `metadata.name=${rootCertificateConfigMap.name}` };
  const { items } = await api.list('/api/v1/configmaps', selection);
  return items.map((object) => refTo(object, { apiVersion: 'v1', kind: 'ConfigMap' }));
}

async function findDefinitions({ api, discovery }: Cluster): Promise<readonly Definition[]> {
  const served = await discovery.find(definitionKind.apiVersion, definitionKind.kind);
  if (served === null) return [];
  const path = collectionPath(definitionKind.apiVersion, served, '');
  const { items } = await api.list(path, { labelSelector: label });
  const definitions: Definition[] = [];
  for (const object of items)
    definitions.push({ ref: refTo(object, definitionKind), resources: await countResources({ api }, object) });
  return definitions;
}

type DefinitionSpec = Readonly<{
  group: string;
  names: Readonly<{ plural: string }>;
  versions: readonly Readonly<{ name: string; storage: boolean }>[];
}>;

async function countResources({ api }: Pick<Cluster, 'api'>, definition: ClusterObject): Promise<number> {
  const { group, names, versions } = definition['spec'] as DefinitionSpec;
  const version = versions.find(({ storage }) => storage)?.name ?? '';
  try {
    return (await api.list(`/apis/${group}/${version}/${names.plural}`)).items.length;
  } catch (error) {
    if (isMeshError(error, 'not_found')) return 0;
    throw error;
  }
}

async function present({ api, discovery }: Cluster, refs: readonly ObjectRef[]): Promise<readonly ObjectRef[]> {
  const there: ObjectRef[] = [];
  for (const ref of refs) {
    if (ref.kind === 'Namespace' || ref.kind === definitionKind.kind) continue;
    const path = await discovery.pathOf(ref);
    if (path !== null && (await api.read(path)) !== null) there.push(ref);
  }
  return there;
}

function refTo({ metadata }: ClusterObject, type: Readonly<{ apiVersion: string; kind: string }>): ObjectRef {
  return { ...type, namespace: metadata.namespace ?? '', name: metadata.name };
}

function distinct(refs: readonly ObjectRef[]): readonly ObjectRef[] {
  const byName = new Map(refs.map((ref) => [`${ref.kind} ${ref.namespace} ${ref.name}`, ref]));
  const rank = new Map(kinds.map(({ kind }, index) => [kind, index]));
  return [...byName.values()].toSorted((a, b) => (rank.get(a.kind) ?? 99) - (rank.get(b.kind) ?? 99));
}
