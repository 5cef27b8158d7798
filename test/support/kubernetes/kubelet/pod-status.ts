/** What a pod's containers do, as the status that a kubelet reports. Pure: times are in the values. */
import { type Container, isSidecar, type Pod } from './objects.ts';

/** Where one run of a container is; times in ISO 8601. */
export type RunState =
  | Readonly<{ kind: 'waiting'; reason: string; message?: string }>
  | Readonly<{ kind: 'running'; startedAt: string }>
  | Readonly<{ kind: 'ended'; reason: string; exitCode: number; startedAt: string; finishedAt: string }>;

export type ContainerState = Readonly<{
  run: RunState;
  last?: RunState;
  restarts: number;
  /** The startup probe has passed. */
  started: boolean;
  ready: boolean;
  id: string;
}>;

export type Progress = Readonly<{
  ip: string | undefined;
  hostIp: string;
  startTime: string;
  containers: ReadonlyMap<string, ContainerState>;
  /** Nothing of the pod runs any more, nor will again. */
  finished: boolean;
  now: string;
}>;

type Condition = NonNullable<Status['conditions']>[number];
export type Status = NonNullable<Pod['status']>;
type ContainerStatus = NonNullable<Status['containerStatuses']>[number];

/** The status of a pod; `before` is the last one, whose conditions keep the time at which they turned. */
export function podStatus(pod: Pod, progress: Progress, before: NonNullable<Status['conditions']>): Status {
  const { spec } = pod;
  const { ip, hostIp, startTime, containers, now } = progress;
  const stateOf = ({ name }: Container) => containers.get(name);
  const inits = spec?.initContainers ?? [];
  const apps = spec?.containers ?? [];
  const initialized = inits.every((each) => isInitialized(each, stateOf(each)));
  const ready = initialized && [...inits.filter(isSidecar), ...apps].every((each) => stateOf(each)?.ready === true);
  const phase = phaseOf(initialized, apps.map(stateOf), progress.finished);
  const over = phase === 'Succeeded' ? { reason: 'PodCompleted' } : {};
  const condition = (type: string, holds: boolean, why: object = {}): Condition => {
    const status = holds ? 'True' : 'False';
    const same = before.find((each) => each.type === type && each.status === status);
    return { type, status, ...(holds ? {} : why), lastTransitionTime: same?.lastTransitionTime ?? now };
  };
  return {
    phase,
    conditions: [
      condition('Initialized', initialized, { reason: 'ContainersNotInitialized' }),
      condition('Ready', ready, { reason: 'ContainersNotReady', ...over }),
      condition('ContainersReady', ready, { reason: 'ContainersNotReady', ...over }),
      condition('PodScheduled', true),
    ],
    hostIP: hostIp,
    ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
    startTime,
    initContainerStatuses: inits.map((each) => containerStatus(each, stateOf(each))),
    containerStatuses: apps.map((each) => containerStatus(each, stateOf(each))),
    qosClass: 'Burstable',
  };
}

/** A native sidecar counts when it has started, another init container when it has ended well. */
function isInitialized(container: Container, state: ContainerState | undefined): boolean {
  if (state === undefined) return false;
  if (isSidecar(container)) return state.started || state.run.kind === 'ended';
  return state.run.kind === 'ended' && state.run.exitCode === 0;
}

function phaseOf(initialized: boolean, apps: readonly (ContainerState | undefined)[], finished: boolean): string {
  if (finished) {
    const well = apps.every((app) => app?.run.kind === 'ended' && app.run.exitCode === 0);
    return well ? 'Succeeded' : 'Failed';
  }
  const begun = apps.some((app) => app !== undefined && (app.run.kind !== 'waiting' || app.restarts > 0));
  return initialized && begun ? 'Running' : 'Pending';
}

type WireState = NonNullable<ContainerStatus['state']>;

function containerStatus({ name, image }: Container, state: ContainerState | undefined): ContainerStatus {
  const run = state?.run ?? { kind: 'waiting', reason: 'PodInitializing' };
  const id = state === undefined || state.id === '' ? '' : `process://${state.id}`;
  return {
    name,
    image: image ?? '',
    imageID: image ?? '',
    containerID: id,
    ready: state?.ready ?? false,
    started: state?.started ?? false,
    restartCount: state?.restarts ?? 0,
    state: wireState(run, id),
    lastState: state?.last === undefined ? {} : wireState(state.last, id),
  };
}

function wireState(run: RunState, containerID: string): WireState {
  switch (run.kind) {
    case 'waiting': {
      const { reason, message } = run;
      return { waiting: message === undefined ? { reason } : { reason, message } };
    }
    case 'running': {
      return { running: { startedAt: run.startedAt } };
    }
    case 'ended': {
      const { reason, exitCode, startedAt, finishedAt } = run;
      return { terminated: { reason, exitCode, startedAt, finishedAt, containerID } };
    }
  }
}
