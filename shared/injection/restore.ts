import { containerNames, overridesAnnotation, statusAnnotation } from '../kubernetes/names.ts';
import { readOverrides, readStatus } from './injection-status.ts';
import { findContainer, isJsonObject, withoutNulls, type Container, type Pod } from './pod.ts';
import { readProbers, restoreProbes } from './probes.ts';
import { restoreMetrics } from './prometheus.ts';

/**
 * Containers that an injection adds, ours and Istio's. What else a status names (a template's, or the application's, which a template
 * touched) stays: a template goes over it again.
 */
const removable = new Set<string>([
  ...Object.values(containerNames),
  'istio-validation',
  'enable-core-dump',
  'grpc-bootstrap-init',
]);

/**
 * A pod that was injected as it was before: what its status names is gone, the user's own containers of our names are back, probes and
 * annotations say what they said. What others have done to the pod since stays. A pod that was not injected is returned as a copy.
 */
export function restore(injected: Pod): Pod {
  const pod = withoutNulls(injected);
  const status = readStatus(pod);
  if (status === null) return pod;
  const proxy = findContainer(pod, containerNames.proxy);
  restoreProbes(pod, readProbers(proxy));
  restoreMetrics(pod, proxy);
  const overrides = readOverrides(pod);
  const { spec } = pod;
  const isRemoved = (names: readonly string[]) => (name: string) => names.includes(name) && removable.has(name);
  setOrDrop(spec, 'containers', putBack(spec.containers, isRemoved(status.containers), overrides.containers));
  setOrDrop(
    spec,
    'initContainers',
    putBack(spec.initContainers, isRemoved(status.initContainers), overrides.initContainers),
  );
  const volumes = (spec.volumes ?? []).filter(({ name }) => !status.volumes.includes(name));
  setOrDrop(spec, 'volumes', volumes);
  const secrets = spec['imagePullSecrets'];
  if (Array.isArray(secrets))
    setOrDrop(
      spec,
      'imagePullSecrets',
      secrets.filter((one: unknown) => !isJsonObject(one) || !status.imagePullSecrets.includes(String(one['name']))),
    );
  for (const name of [statusAnnotation, overridesAnnotation]) delete pod.metadata?.annotations?.[name];
  return pod;
}

/** What an injected container keeps of itself when it is injected again: all that others may have added to it. */
export function keptOf(injected: Pod, name: string): Container | undefined {
  const container = readStatus(injected) === null ? undefined : findContainer(injected, name);
  if (container === undefined) return undefined;
  const {
    lifecycle: _lifecycle,
    startupProbe: _startup,
    readinessProbe: _readiness,
    livenessProbe: _liveness,
    restartPolicy: _restart,
    resources: _resources,
    command: _command,
    ...kept
  } = structuredClone(container);
  return kept;
}

function putBack(
  list: readonly Container[] = [],
  isRemoved: (name: string) => boolean,
  overrides: readonly Container[],
): Container[] {
  const kept = list.filter(({ name }) => !isRemoved(name));
  const missing = overrides.filter(({ name }) => !kept.some((one) => one.name === name));
  return [...kept, ...structuredClone(missing)];
}

function setOrDrop(spec: Pod['spec'], name: string, list: readonly unknown[]): void {
  if (list.length === 0) delete spec[name];
  else spec[name] = list;
}
