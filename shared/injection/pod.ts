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

/** Whether a document can be read as a pod. */
export function isPod(value: unknown): value is Pod {
  return faultOfPod(value) === null;
}

/** Why a document cannot be read as a pod: its `spec` must be an object, its containers named, its labels and annotations texts. */
export function faultOfPod(value: unknown): string | null {
  if (!isJsonObject(value) || !isJsonObject(value['spec'])) return 'spec must be an object';
  for (const name of ['containers', 'initContainers', 'volumes']) {
    if (!isNamedList(value['spec'][name])) return `spec.${name} must be a list of objects, each with a name`;
  }
  const { metadata = {} } = value;
  if (metadata !== null && !isJsonObject(metadata)) return 'metadata must be an object';
  for (const name of ['labels', 'annotations']) {
    const fault = faultOfTexts(metadata?.[name]);
    if (fault !== null) return `metadata.${name}${fault}`;
  }
  return null;
}

/** A copy without members that are `null` where lists and objects are expected: YAML has them where nothing is written. */
export function withoutNulls(pod: Pod): Pod {
  const copy = structuredClone(pod);
  dropNulls(copy);
  if (copy.metadata !== undefined) dropNulls(copy.metadata);
  dropNulls(copy.spec);
  for (const container of allContainers(copy)) dropNulls(container);
  return copy;
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

function faultOfTexts(map: unknown): string | null {
  if (map === undefined || map === null) return null;
  if (!isJsonObject(map)) return ' must be a map of texts';
  const [name] = Object.entries(map).find(([, value]) => typeof value !== 'string') ?? [];
  return name === undefined ? null : `: ${name} must be a text, in quotes`;
}

function dropNulls(object: JsonObject): void {
  for (const [name, value] of Object.entries(object)) if (value === null) delete object[name];
}
