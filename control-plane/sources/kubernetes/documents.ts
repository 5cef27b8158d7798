/** An object of an API server -> what it changes in the catalog, by the parser that every source has. Pure. */
import { isRecord } from '#shared/model/rules/field.ts';
import type { KnownFields } from '#shared/model/rules/known-fields.ts';
import { knownServiceFields } from '#shared/model/rules/service-rules.ts';
import { defaultNamespace } from '#shared/model/metadata.ts';
import { parseResource } from '#shared/model/parse.ts';
import { resourceKey } from '#shared/model/resource.ts';
import type { Problem } from '#shared/runtime/result.ts';
import type { Change, LocatedProblem, Origin } from '../../catalog/catalog.ts';
import type { WatchedKind } from './kinds.ts';

/** The name and version of an object. */
export type ObjectId = Readonly<{ key: string; name: string; namespace: string; resourceVersion: string }>;

/** Who an object is; null when it does not say. */
export function identify({ kind, isNamespaced }: WatchedKind, object: unknown): ObjectId | null {
  const metadata = isRecord(object) ? object['metadata'] : undefined;
  if (!isRecord(metadata) || typeof metadata['name'] !== 'string') return null;
  const { name, namespace: said, resourceVersion } = metadata;
  const namespace = isNamespaced && typeof said === 'string' ? said : defaultNamespace;
  const key = resourceKey({ kind, metadata: { name, namespace } });
  return { key, name, namespace, resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '' };
}

/** What an object that is there changes: its resource, or what is wrong with it. */
export function toChange(kind: WatchedKind, apiVersion: string, object: unknown, { key }: ObjectId): Change {
  const origin = { ...originOf(key), ...generationOf(kind, object) };
  const result = parseResource(toDocument(kind, apiVersion, object));
  return result.ok
    ? { kind: 'upsert', key, resource: result.value, origin, warnings: result.warnings.map(located) }
    : { kind: 'invalid', key, origin, problems: result.problems.map(located) };
}

/** An object is gone. */
export function toRemoval(key: string): Change {
  return { kind: 'remove', key, origin: originOf(key) };
}

const originOf = (key: string): Origin => ({ source: 'kubernetes', file: key, line: 0 });

/** Which version of a resource of the mesh it is; what the cluster says about itself has none that anybody is told of. */
function generationOf({ group }: WatchedKind, object: unknown): Pick<Origin, 'generation'> {
  if (group === '' || group.endsWith('.k8s.io') || !isRecord(object) || !isRecord(object['metadata'])) return {};
  const { generation } = object['metadata'];
  return typeof generation === 'number' ? { generation } : {};
}

const located = (problem: Problem): LocatedProblem => ({ ...problem, line: 0 });

const keptMetadata = [
  'name',
  'namespace',
  'labels',
  'annotations',
  'creationTimestamp',
  'generateName',
  'ownerReferences',
  'deletionTimestamp',
];
/** What kubectl keeps for itself: the whole document once more. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const bodyOf: Readonly<Partial<Record<WatchedKind['kind'], readonly string[]>>> = {
  Pod: ['spec', 'status'],
  WorkloadEntry: ['spec', 'status'],
  EndpointSlice: ['addressType', 'endpoints', 'ports'],
};

/** The document as a user could have written it: without what the server keeps of its own. */
function toDocument({ kind, isNamespaced }: WatchedKind, apiVersion: string, object: unknown): object {
  const source = isRecord(object) ? object : {};
  const metadata = pick(isRecord(source['metadata']) ? source['metadata'] : {}, keptMetadata);
  const annotations = isRecord(metadata['annotations']) ? metadata['annotations'] : {};
  if (lastApplied in annotations) {
    const { [lastApplied]: _, ...others } = annotations;
    metadata['annotations'] = others;
  }
  if (!isNamespaced) delete metadata['namespace'];
  const body = pick(source, bodyOf[kind] ?? ['spec']);
  // Kubernetes grows new fields of a Service, which its own server has checked: they are no fault of the user's.
  if (kind === 'Service') body['spec'] = keepKnown(body['spec'], knownServiceFields);
  return { apiVersion, kind, metadata, ...body };
}

function pick(source: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => Object.hasOwn(source, name)).map((name) => [name, source[name]]));
}

/** A value without the members that are not known. */
function keepKnown(value: unknown, known: KnownFields): unknown {
  if (known.kind === 'list')
    return Array.isArray(value) ? value.map((item: unknown) => keepKnown(item, known.elements)) : value;
  if (known.kind !== 'object' || !isRecord(value)) return value;
  const members = Object.entries(value).flatMap(([name, member]) => {
    const below = known.members.get(name);
    return below === undefined ? [] : [[name, keepKnown(member, below)] as const];
  });
  return Object.fromEntries(members);
}
