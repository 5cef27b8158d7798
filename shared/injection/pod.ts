/**
 * Pods as the injector sees them: plain JSON of any shape, of which it knows the few fields that it reads or writes. Everything else is
 * carried along untouched.
 */

/** A JSON object of any shape. */
export type JsonObject = { [name: string]: unknown };

export type EnvVar = { name: string; value?: string; valueFrom?: JsonObject };
export type ContainerPort = { name?: string; containerPort?: number; protocol?: string } & JsonObject;
export type SecurityContext = { runAsUser?: number; runAsGroup?: number } & JsonObject;

/** An action of a probe or hook: one of `httpGet`, `tcpSocket`, `grpc`, `exec`, `sleep`. */
export type Handler = {
  httpGet?: JsonObject;
  tcpSocket?: JsonObject;
  grpc?: JsonObject;
  exec?: JsonObject;
} & JsonObject;
export type Probe = Handler & { timeoutSeconds?: number };

export type Container = {
  name: string;
  image?: string;
  args?: string[];
  command?: string[];
  env?: EnvVar[];
  ports?: ContainerPort[];
  restartPolicy?: string;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  startupProbe?: Probe;
  lifecycle?: { preStop?: Handler; postStart?: Handler } & JsonObject;
  securityContext?: SecurityContext;
  resources?: JsonObject;
} & JsonObject;

export type PodMetadata = {
  name?: string;
  generateName?: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
} & JsonObject;

export type PodSpec = {
  containers?: Container[];
  initContainers?: Container[];
  volumes?: ({ name: string } & JsonObject)[];
  hostNetwork?: boolean;
  terminationGracePeriodSeconds?: number;
} & JsonObject;

/** A pod, or the template of one (which has no kind and perhaps no metadata). */
export type Pod = { metadata?: PodMetadata; spec: PodSpec } & JsonObject;

/** Part of a pod, to be merged over one; only lists and maps that it has are touched. */
export type PodFragment = { metadata?: PodMetadata; spec?: PodSpec } & JsonObject;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a document can be read as a pod: it has a `spec`, and its containers, where it has them, are a list of named objects. */
export function isPod(value: unknown): value is Pod {
  if (!isJsonObject(value) || !isJsonObject(value['spec'])) return false;
  const { containers, initContainers, volumes } = value['spec'];
  return (
    [containers, initContainers, volumes].every(isNamedList) &&
    isTexts(isJsonObject(value['metadata']) ? value['metadata'] : undefined)
  );
}

/** The container of a name, wherever it stands. */
export function findContainer(pod: PodFragment, name: string): Container | undefined {
  return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find((one) => one.name === name);
}

/** All containers that run in the end, init containers first. */
export function allContainers(pod: PodFragment): Container[] {
  return [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
}

/** The annotations of a pod (none: empty). */
export const annotationsOf = (pod: PodFragment): Readonly<Record<string, string>> => pod.metadata?.annotations ?? {};

/** The labels of a pod (none: empty). */
export const labelsOf = (pod: PodFragment): Readonly<Record<string, string>> => pod.metadata?.labels ?? {};

/** Compares two JSON values; the order of members does not count, that of elements does. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((value, index) => isSameJson(value, b[index]));
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSameJson(a[name], b[name]))
  );
}

function isNamedList(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    (Array.isArray(value) && value.every((one) => isJsonObject(one) && typeof one['name'] === 'string'))
  );
}

function isTexts(metadata: JsonObject | undefined): boolean {
  return [metadata?.['labels'], metadata?.['annotations']].every(
    (map) =>
      map === undefined ||
      map === null ||
      (isJsonObject(map) && Object.values(map).every((value) => typeof value === 'string')),
  );
}
