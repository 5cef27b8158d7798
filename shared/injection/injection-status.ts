import { containerNames, overridesAnnotation, statusAnnotation } from '../kubernetes/names.ts';
import { annotationsOf, isJsonObject, type Container, type Pod } from './pod.ts';

/** What was added to a pod, by name: the annotation `sidecar.istio.io/status`, in Istio's shape. */
export type InjectionStatus = Readonly<{
  initContainers: readonly string[];
  containers: readonly string[];
  volumes: readonly string[];
  imagePullSecrets: readonly string[];
  revision: string;
}>;

/** The user's own containers of our names, as they were: the annotation `proxy.istio.io/overrides`. */
export type Overrides = Readonly<{ containers: readonly Container[]; initContainers: readonly Container[] }>;

/** The status of a pod; null where it was not injected. What is not in Istio's shape counts as nothing added. */
export function readStatus(pod: Pod): InjectionStatus | null {
  const text = annotationsOf(pod)[statusAnnotation];
  if (text === undefined) return null;
  const status = parseObject(text);
  const names = (field: string) => {
    const value = status[field];
    return Array.isArray(value) ? value.filter((name): name is string => typeof name === 'string') : [];
  };
  return {
    initContainers: names('initContainers'),
    containers: names('containers'),
    volumes: names('volumes'),
    imagePullSecrets: names('imagePullSecrets'),
    revision: typeof status['revision'] === 'string' ? status['revision'] : '',
  };
}

/** Istio writes `null` for an empty list. */
export function encodeStatus(status: InjectionStatus): string {
  const orNull = (names: readonly string[]) => (names.length === 0 ? null : names);
  const { initContainers, containers, volumes, imagePullSecrets, revision } = status;
  return JSON.stringify({
    initContainers: orNull(initContainers),
    containers: orNull(containers),
    volumes: orNull(volumes),
    imagePullSecrets: orNull(imagePullSecrets),
    revision,
  });
}

/** The overrides that a pod carries since it was injected. */
export function readOverrides(pod: Pod): Overrides {
  const overrides = parseObject(annotationsOf(pod)[overridesAnnotation] ?? '{}');
  const list = (field: string) => {
    const value = overrides[field];
    // What was written here was a container; anything else of this name cannot be put back.
    return Array.isArray(value)
      ? value.filter((one): one is Container => isJsonObject(one) && typeof one['name'] === 'string')
      : [];
  };
  return { containers: list('containers'), initContainers: list('initContainers') };
}

/** The user's containers of our names in a pod that was not injected yet. */
export function findOverrides(pod: Pod): Overrides {
  const names: readonly string[] = Object.values(containerNames);
  const ours = (list: readonly Container[] = []) => list.filter(({ name }) => names.includes(name));
  return { containers: ours(pod.spec.containers), initContainers: ours(pod.spec.initContainers) };
}

/** Null: there are none. */
export function encodeOverrides({ containers, initContainers }: Overrides): string | null {
  if (containers.length + initContainers.length === 0) return null;
  return JSON.stringify({
    ...(containers.length === 0 ? {} : { containers }),
    ...(initContainers.length === 0 ? {} : { initContainers }),
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    // Somebody else's text.
    return {};
  }
}
