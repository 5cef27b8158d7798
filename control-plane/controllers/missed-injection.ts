/**
 * Pods that should have a sidecar and have none: made while no replica answered the webhook (`failurePolicy: Ignore`), or before their
 * namespace was labelled. They are found in the catalog by the very decision of the injector, counted, listed by the admin API, and,
 * where that is asked for, deleted so that their controllers make them again: never a pod without a controller, one every few
 * seconds, no owner's pods again and again, and only while the webhook would inject them now.
 */
import { decide } from '#shared/injection/decide.ts';
import type { InjectionSettings } from '#shared/injection/injection-settings.ts';
import { containerNames, statusAnnotation } from '#shared/kubernetes/names.ts';
import type { Namespace, Pod } from '#shared/model/resource.ts';
import type { Catalog } from '../catalog/catalog.ts';

/** A pod that missed its injection. `owner`: its controller, as `KIND/NAME`; null: nobody would make it again. */
export type MissedPod = Readonly<{ namespace: string; name: string; owner: string | null; reason: string }>;

/** Those of a catalog, by namespace and name. */
export function findMissed(catalog: Catalog, settings: InjectionSettings): readonly MissedPod[] {
  const { pods, labels } = gather(catalog);
  return pods.flatMap((pod): readonly MissedPod[] => {
    const { name, namespace, deletionTimestamp } = pod.metadata;
    const isEnding = deletionTimestamp !== undefined || ['Succeeded', 'Failed'].includes(pod.status.phase ?? '');
    if (isEnding || hasSidecar(pod)) return [];
    const facts = {
      namespace,
      // Of a namespace that is not known yet nothing is claimed.
      namespaceLabels: labels.get(namespace) ?? {},
      namespaceAnnotations: {},
      owner: null,
      takesNativeSidecars: false,
    };
    const decision = decide(toInjectable(pod), facts, settings);
    return decision.inject ? [{ namespace, name, owner: ownerOf(pod), reason: decision.message }] : [];
  });
}

/** Of a pod the parts that the decision reads. */
function toInjectable({ metadata, spec }: Pod): Parameters<typeof decide>[0] {
  return {
    metadata: { labels: { ...metadata.labels }, annotations: { ...metadata.annotations } },
    spec: spec.hostNetwork === true ? { hostNetwork: true } : {},
  };
}

function hasSidecar({ metadata, spec }: Pod): boolean {
  const names = [...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name);
  return metadata.annotations[statusAnnotation] !== undefined || names.includes(containerNames.proxy);
}

function ownerOf({ metadata }: Pod): string | null {
  const [owner] = metadata.ownerReferences ?? [];
  return owner === undefined ? null : `${owner.kind}/${owner.name}`;
}

function gather(
  catalog: Catalog,
): Readonly<{ pods: readonly Pod[]; labels: ReadonlyMap<string, Namespace['metadata']['labels']> }> {
  const pods: Pod[] = [];
  const labels = new Map<string, Namespace['metadata']['labels']>();
  for (const { resource } of catalog.entries.values()) {
    if (resource?.kind === 'Pod') pods.push(resource);
    if (resource?.kind === 'Namespace') labels.set(resource.metadata.name, resource.metadata.labels);
  }
  return { pods, labels };
}

/** When an owner's pods were last deleted, by `NAMESPACE/OWNER`. */
export type RepairHistory = ReadonlyMap<string, number>;

/** What a controller makes anew is judged only after this time. */
const sameOwnerMs = 600_000;

/** The next pod to delete, or null; the history with it. */
export function nextRepair(
  missed: readonly MissedPod[],
  history: RepairHistory,
  nowMs: number,
): readonly [MissedPod | null, RepairHistory] {
  const recent = new Map([...history].filter(([, atMs]) => nowMs < atMs + sameOwnerMs));
  const next = missed.find(({ owner, namespace }) => owner !== null && !recent.has(`${namespace}/${owner}`)) ?? null;
  if (next !== null) recent.set(`${next.namespace}/${next.owner}`, nowMs);
  return [next, recent];
}
