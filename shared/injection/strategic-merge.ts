import { isJsonObject, type JsonObject, type PodFragment } from './pod.ts';

/**
 * Kubernetes' strategic merge for pods: objects merge member by member, `null` deletes, lists of the kinds below merge element by
 * element, every other list is replaced. Elements that are there keep their place, new ones come at the end. `$patch: replace`,
 * `delete` and `merge` work in objects and elements
 * (https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch; keys by k8s.io/api/core/v1 types).
 */

/** What the elements of a list of this name are known by. */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  volumes: 'name',
  imagePullSecrets: 'name',
  env: 'name',
  ports: 'containerPort',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  readinessGates: 'conditionType',
};

/** Of these a probe or hook has one: another kind of action replaces it. */
const actions = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];

/** Of these a volume has one; all members but its name. */
const isVolumeSource = (name: string) => name !== 'name';

/** Lists of plain values that gather what both have. */
const unions = new Set(['finalizers']);

/** `base` with `overlay` merged over it; neither is changed. */
export function mergePod<T extends PodFragment>(base: T, overlay: PodFragment): T {
  const merged = mergeValue(base, overlay, '');
  // The shape of a pod stays: objects merge into objects, and the lists that it has are merged as lists.
  return (isJsonObject(merged) ? merged : {}) as T;
}

/** Like {@link mergePod}, of one container. */
export function mergeContainer<T extends JsonObject>(base: T, overlay: JsonObject): T {
  return mergeObject(base, overlay, 'containers') as T;
}

function mergeValue(base: unknown, overlay: unknown, name: string): unknown {
  if (isJsonObject(overlay)) return mergeObject(isJsonObject(base) ? base : {}, overlay, name);
  if (Array.isArray(overlay)) return mergeList(Array.isArray(base) ? base : [], overlay, name);
  return overlay;
}

function mergeObject(base: JsonObject, overlay: JsonObject, name: string): JsonObject {
  const { $patch: directive, ...members } = overlay;
  if (directive === 'delete') return {};
  const merged: JsonObject = directive === 'replace' ? {} : { ...base };
  dropOtherKind(merged, members, name);
  for (const [member, value] of Object.entries(members)) {
    if (value === null || value === undefined) delete merged[member];
    else merged[member] = mergeValue(merged[member], value, member);
  }
  return merged;
}

function dropOtherKind(merged: JsonObject, overlay: JsonObject, name: string): void {
  const isOf = name === 'volumes' ? isVolumeSource : (member: string) => actions.includes(member);
  const isHandler = name === 'volumes' || /Probe$|^preStop$|^postStart$/.test(name);
  const named = Object.keys(overlay).filter((member) => isOf(member) && overlay[member] !== null);
  if (!isHandler || named.length === 0) return;
  for (const member of Object.keys(merged)) if (isOf(member) && !named.includes(member)) delete merged[member];
}

function mergeList(base: readonly unknown[], overlay: readonly unknown[], name: string): unknown[] {
  if (unions.has(name)) return [...new Set([...base, ...overlay])];
  const key = mergeKeys[name];
  const items = overlay.filter((item) => !isReplaceMarker(item));
  if (key === undefined || items.length < overlay.length) return structuredClone(items);
  const merged: unknown[] = [...base];
  for (const item of items) {
    const at = isJsonObject(item) ? merged.findIndex((one) => isJsonObject(one) && isSameElement(one, item, key)) : -1;
    if (isJsonObject(item) && item['$patch'] === 'delete') {
      if (at >= 0) merged.splice(at, 1);
    } else if (at < 0) merged.push(mergeValue({}, item, name));
    else merged[at] = mergeValue(merged[at], item, name);
  }
  return merged;
}

/** Ports of one number may be there for several protocols. */
function isSameElement(one: JsonObject, other: JsonObject, key: string): boolean {
  if (one[key] === undefined || one[key] !== other[key]) return false;
  return key !== 'containerPort' || (one['protocol'] ?? 'TCP') === (other['protocol'] ?? 'TCP');
}

/** `$patch: replace` as an element by itself: the rest of the list is all there is. */
function isReplaceMarker(item: unknown): boolean {
  return isJsonObject(item) && item['$patch'] === 'replace' && Object.keys(item).length === 1;
}
