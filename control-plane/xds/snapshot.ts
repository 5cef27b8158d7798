import { encodeMessage } from '#shared/xds/codec.ts';
import { problem, type Problem } from '#shared/runtime/result.ts';
import type { TypedMessage, TypedValue } from '#shared/xds/typed.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { contentVersion } from '#shared/xds/version.ts';

/** One resource, encoded and ready to be sent. */
export type SnapshotResource = Readonly<{
  typeUrl: string;
  name: string;
  version: string;
  body: Buffer;
  /** Names that a proxy asks for because of this resource: a cluster's endpoints, a listener's routes. */
  references: readonly string[];
  /** Keys of the config resources that this one was made of, so that it can be told where each of them is applied. */
  origins?: readonly string[] | undefined;
}>;

/** Resources of one type by name. */
export type ResourceMap = ReadonlyMap<string, SnapshotResource>;

/** All that one proxy is to have at one generation of the config. Immutable; replaced as a whole. */
export type ProxySnapshot = Readonly<{
  generation: number;
  resources: ReadonlyMap<string, ResourceMap>;
}>;

/** Typed resources by type URL and name, as translation makes them. */
export type TypedResources = ReadonlyMap<string, ReadonlyMap<string, TypedMessage>>;

/** Tells the config resources behind a message, when they are known. */
export type OriginsOf = (message: TypedMessage) => readonly string[] | undefined;

type Encoded = Pick<SnapshotResource, 'version' | 'body' | 'references'>;

/** By identity: what translation hands in again is not encoded again, for whatever proxy it is. */
const encodedMessages = new WeakMap<TypedMessage, Encoded>();

/** Also by identity: a map that is the same gives the same map, so that sessions see at a glance that nothing changed. */
const encodedMaps = new WeakMap<
  ReadonlyMap<string, TypedMessage>,
  Readonly<{ originsOf: OriginsOf | undefined; encoded: ResourceMap }>
>();

/** The type of the resources that a resource of this type refers to: those a proxy warms by. */
export const referencedType: ReadonlyMap<string, string> = new Map([
  [typeUrls.cluster, typeUrls.endpoints],
  [typeUrls.listener, typeUrls.routes],
]);

/** Encodes what is new among `typed`. What was encoded before is taken over by identity. */
export function toSnapshot(generation: number, typed: TypedResources, originsOf?: OriginsOf): ProxySnapshot {
  const resources = new Map<string, ResourceMap>();
  for (const [typeUrl, messages] of typed) resources.set(typeUrl, encodeMap(typeUrl, messages, originsOf));
  return { generation, resources };
}

/** What a snapshot refers to and does not have: a proxy would wait for it in vain. */
export function danglingReferences(snapshot: ProxySnapshot): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [typeUrl, resources] of snapshot.resources) {
    const target = referencedType.get(typeUrl);
    const targets = target === undefined ? undefined : snapshot.resources.get(target);
    for (const { name, references } of resources.values())
      for (const reference of references)
        if (targets?.has(reference) !== true)
          problems.push(
            problem(`${shortType(typeUrl)}[${name}]`, `${shortType(target ?? '')} ${reference} is not in the snapshot`),
          );
  }
  return problems;
}

/** The last part of a type URL: `Cluster`. */
export function shortType(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}

function encodeMap(
  typeUrl: string,
  messages: ReadonlyMap<string, TypedMessage>,
  originsOf: OriginsOf | undefined,
): ResourceMap {
  const known = encodedMaps.get(messages);
  if (known !== undefined && known.originsOf === originsOf) return known.encoded;
  const encoded = new Map<string, SnapshotResource>();
  for (const [name, message] of messages)
    encoded.set(name, { typeUrl, name, ...encodeOnce(typeUrl, message), origins: originsOf?.(message) });
  encodedMaps.set(messages, { originsOf, encoded });
  return encoded;
}

function encodeOnce(typeUrl: string, message: TypedMessage): Encoded {
  const known = encodedMessages.get(message);
  if (known !== undefined) return known;
  const body = encodeMessage(message);
  const encoded = { version: contentVersion(body), body, references: referencesOf(typeUrl, message) };
  encodedMessages.set(message, encoded);
  return encoded;
}

function referencesOf(typeUrl: string, message: TypedMessage): readonly string[] {
  if (typeUrl === typeUrls.listener) return [...new Set(routeNames(message))];
  if (typeUrl !== typeUrls.cluster || message['type'] !== 'EDS') return [];
  const serviceName = field(message['eds_cluster_config'], 'service_name') ?? message['name'];
  return typeof serviceName === 'string' ? [serviceName] : [];
}

/** The names of the route configurations that any HTTP connection manager in `value` asks for. */
function* routeNames(value: TypedValue): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  const name = field(field(value, 'rds'), 'route_config_name');
  if (typeof name === 'string') yield name;
  for (const child of Object.values(value)) yield* routeNames(child);
}

function field(value: TypedValue | undefined, name: string): TypedValue | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, TypedValue>>)[name]
    : undefined;
}
