import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';

type DeploymentStatus = Readonly<{
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  availableReplicas?: number;
}>;

/** How far a Deployment is. `isDone`: all replicas run the template of now, and are available. */
export type Rollout = Readonly<{ wanted: number; updated: number; available: number; isDone: boolean }>;

/** Judges a Deployment, by the rule of `kubectl rollout status`. */
export function rolloutOf(deployment: ClusterObject): Rollout {
  const { replicas: wanted = 1 } = (deployment['spec'] ?? {}) as { replicas?: number };
  const status = (deployment['status'] ?? {}) as DeploymentStatus;
  const { updatedReplicas: updated = 0, availableReplicas: available = 0, replicas: total = 0 } = status;
  const isObserved = (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0);
  return {
    wanted,
    updated,
    available,
    isDone: isObserved && updated >= wanted && total <= updated && available >= wanted,
  };
}

type Waiting = Readonly<{ reason?: string; message?: string }>;
type ContainerStatus = Readonly<{
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: Readonly<{ waiting?: Waiting; terminated?: Readonly<{ reason?: string; exitCode?: number }> }>;
  lastState?: Readonly<{ terminated?: Readonly<{ reason?: string; exitCode?: number }> }>;
}>;
type PodStatus = Readonly<{
  phase?: string;
  conditions?: readonly Readonly<{ type: string; status: string; reason?: string; message?: string }>[];
  initContainerStatuses?: readonly ContainerStatus[];
  containerStatuses?: readonly ContainerStatus[];
}>;

/** What keeps a pod from being ready, in a few words; null when it is ready. */
export function whyNotReady(pod: ClusterObject): string | null {
  const status = (pod['status'] ?? {}) as PodStatus;
  const { conditions = [], initContainerStatuses = [], containerStatuses = [] } = status;
  const conditionOf = (type: string) => conditions.find((condition) => condition.type === type);
  if (conditionOf('Ready')?.status === 'True') return null;
  for (const container of [...initContainerStatuses, ...containerStatuses]) {
    const why = whyContainerWaits(container);
    if (why !== null) return why;
  }
  const scheduled = conditionOf('PodScheduled');
  if (scheduled?.status === 'False') return `it is not scheduled: ${scheduled.message ?? scheduled.reason ?? ''}`;
  const unready = containerStatuses.filter(({ ready }) => ready !== true).map(({ name }) => name);
  return unready.length === 0 ? `it is ${status.phase ?? 'unknown'}` : `not ready: ${unready.join(', ')}`;
}

function whyContainerWaits({ name, state, lastState, restartCount = 0 }: ContainerStatus): string | null {
  const waiting = state?.waiting;
  const normal = ['ContainerCreating', 'PodInitializing', undefined];
  if (waiting === undefined || normal.includes(waiting.reason)) return null;
  const last = lastState?.terminated;
  const ended =
    last === undefined
      ? ''
      : `, ended ${restartCount} times, last by ${last.reason ?? 'itself'} with exit code ${last.exitCode ?? '?'}`;
  return `${name}: ${waiting.reason ?? ''}${waiting.message === undefined ? '' : ` (${waiting.message})`}${ended}`;
}
