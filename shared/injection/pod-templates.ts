import { faultOfPod, isJsonObject, type Pod } from './pod.ts';
import type { Workload } from './workload.ts';

/** A pod, or the template of pods, in a document of Kubernetes. */
export type PodTemplate = Readonly<{
  /** Where it stands. */
  path: readonly (string | number)[];
  pod: Pod;
  /** Why it cannot be read; null: it can. */
  fault: string | null;
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

/** All pods and pod templates of a document; of a list, those of its items. None for documents of other kinds, or without a template. */
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
  if (steps === null || !isJsonObject(pod)) return [];
  const metadata = isJsonObject(document['metadata']) ? document['metadata'] : {};
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return [
    {
      path: [...path, ...steps],
      // What is at fault is nothing that anybody reads.
      pod: pod as Pod,
      fault: faultOfPod(pod),
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
