import { isJsonObject, isPod, type Pod } from './pod.ts';
import type { Workload } from './workload.ts';

/** A pod, or the template of pods, in a document of Kubernetes. */
export type PodTemplate = Readonly<{
  /** Where it stands. */
  path: readonly (string | number)[];
  pod: Pod;
  /** What makes pods of it; null: it is a pod itself. */
  owner: Workload | null;
  /** As the document says; null: it does not. */
  namespace: string | null;
}>;

/** Kinds that make pods of `spec.template`. */
const workloadKinds = new Set([
  'DaemonSet',
  'Deployment',
  'DeploymentConfig',
  'Job',
  'ReplicaSet',
  'ReplicationController',
  'StatefulSet',
]);

/** All pods and pod templates of a document; of a list, those of its items. None for documents of other kinds. */
export function podTemplatesOf(document: unknown, path: readonly (string | number)[] = []): PodTemplate[] {
  if (!isJsonObject(document)) return [];
  const { kind, items } = document;
  if (typeof kind !== 'string') return [];
  if (kind.endsWith('List') && Array.isArray(items))
    return items.flatMap((item: unknown, index) =>
      podTemplatesOf(withKind(item, kind.slice(0, -'List'.length), document['apiVersion']), [...path, 'items', index]),
    );
  const steps = stepsOf(kind);
  const pod = steps?.reduce<unknown>((at, step) => (isJsonObject(at) ? at[step] : undefined), document);
  if (steps === null || !isPod(pod)) return [];
  const metadata = isJsonObject(document['metadata']) ? document['metadata'] : {};
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return [
    {
      path: [...path, ...steps],
      pod,
      owner: kind === 'Pod' ? null : { apiVersion: text(document['apiVersion']), kind, name: text(metadata['name']) },
      namespace: text(metadata['namespace']) || null,
    },
  ];
}

function stepsOf(kind: string): string[] | null {
  if (kind === 'Pod') return [];
  if (kind === 'CronJob') return ['spec', 'jobTemplate', 'spec', 'template'];
  return workloadKinds.has(kind) ? ['spec', 'template'] : null;
}

/** Items of a `DeploymentList` need not say what they are. */
function withKind(item: unknown, kind: string, apiVersion: unknown): unknown {
  return isJsonObject(item) && item['kind'] === undefined && kind !== '' ? { apiVersion, ...item, kind } : item;
}
