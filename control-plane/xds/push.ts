import { pushOrder, typeUrls } from '#shared/xds/type-urls.ts';
import { setVersion } from '#shared/xds/version.ts';
import {
  dueOf,
  isSettled,
  resourcesOf,
  withType,
  type Due,
  type Protocol,
  type Sent,
  type SessionEffect,
  type SessionState,
  type Step,
  type TypeState,
} from './session-state.ts';
import { referencedType, type ProxySnapshot, type ResourceMap, type SnapshotResource } from './snapshot.ts';

/**
 * Make before break: what is gone is told only when these types are settled, so that nothing which the proxy still uses is
 * taken from it. A refused listener keeps its clusters.
 */
const removedAfter: ReadonlyMap<string, readonly string[]> = new Map([
  [typeUrls.cluster, [typeUrls.listener, typeUrls.routes]],
  [typeUrls.endpoints, [typeUrls.cluster, typeUrls.listener, typeUrls.routes]],
  [typeUrls.routes, [typeUrls.listener]],
  [typeUrls.secret, [typeUrls.cluster, typeUrls.listener]],
]);

/** These may name clusters: they wait while new clusters could not be sent yet. */
const afterClusters: ReadonlySet<string> = new Set([typeUrls.listener, typeUrls.routes]);

/** What is to be told of a type in one response. */
export type Tidings = Readonly<{ updates: Iterable<string>; removals: readonly string[] }>;

/** Takes a new snapshot: what it changes becomes due, replacing what was due before, so that a slow proxy gets the latest. */
export function takeSnapshot<R>(state: SessionState, snapshot: ProxySnapshot, protocol: Protocol<R>): SessionState {
  const types = new Map<string, TypeState>();
  for (const [typeUrl, type] of state.types) {
    const before = resourcesOf(state, typeUrl);
    const after = snapshot.resources.get(typeUrl) ?? new Map<string, SnapshotResource>();
    const known = { ...type, awaitsListeners: false };
    types.set(typeUrl, before === after ? known : compare(known, before, after));
  }
  return forgetUntold({ ...state, snapshot, types }, protocol);
}

function compare(type: TypeState, before: ResourceMap, after: ResourceMap): TypeState {
  const due = dueOf(type, after);
  const lingering = new Map<string, SnapshotResource>();
  for (const name of due.removals) {
    const resource = before.get(name) ?? type.lingering.get(name);
    if (resource !== undefined) lingering.set(name, resource);
  }
  return { ...type, due, lingering };
}

/** Where the absence of a resource cannot be told, the proxy drops it by itself: there is nothing to do. */
function forgetUntold<R>(state: SessionState, protocol: Protocol<R>): SessionState {
  const types = new Map(state.types);
  for (const [typeUrl, type] of types) {
    if (protocol.tellsRemovals(typeUrl) || type.due.removals.size === 0) continue;
    const held = new Map(type.held);
    const accepted = new Map(type.accepted);
    const refused = new Map(type.refused);
    for (const name of type.due.removals) {
      held.delete(name);
      accepted.delete(name);
      refused.delete(name);
    }
    const due = { ...type.due, removals: new Set<string>() };
    types.set(typeUrl, { ...type, held, accepted, refused, due, lingering: new Map() });
  }
  return { ...state, types };
}

/** Sends what is due and may be sent now, in the order of make before break; then says what generation is applied. */
export function pushDue<R>(state: SessionState, protocol: Protocol<R>): Step<R> {
  const effects: SessionEffect<R>[] = [];
  let next = state;
  for (const typeUrl of new Set([...pushOrder, ...state.types.keys()])) {
    const tidings = sendableNow(next, typeUrl, protocol);
    if (tidings === undefined) continue;
    const [after, sent] = send(next, typeUrl, tidings, protocol);
    next = after;
    effects.push(...sent);
  }
  const { generation } = next.snapshot;
  if (next.appliedGeneration === generation || !isApplied(next)) return [next, effects];
  return [{ ...next, appliedGeneration: generation }, [...effects, { kind: 'applied', generation }]];
}

/** The proxy has accepted all that it asked for; one that has not asked for its listeners yet is still starting. */
function isApplied(state: SessionState): boolean {
  const isStarting = !state.types.has(typeUrls.listener) && resourcesOf(state, typeUrls.listener).size > 0;
  return state.types.size > 0 && !isStarting && [...state.types.values()].every(isSettled);
}

function sendableNow<R>(state: SessionState, typeUrl: string, protocol: Protocol<R>): Tidings | undefined {
  const type = state.types.get(typeUrl);
  if (type === undefined || type.inFlight.some((sent) => !sent.isOverdue)) return undefined;
  if (waitsForClusters(state, typeUrl)) return undefined;
  const again = protocol.sendsAll ? [] : neededAgain(state, typeUrl, type);
  const updates = again.length === 0 ? type.due.updates : new Set([...type.due.updates, ...again]);
  const removals = removableNow(state, typeUrl);
  return updates.size === 0 && removals.length === 0 ? undefined : { updates, removals };
}

/** Incremental clients do not ask again for what a re-sent cluster or listener refers to, but wait for it. */
function neededAgain(state: SessionState, typeUrl: string, type: TypeState): readonly string[] {
  const resources = resourcesOf(state, typeUrl);
  return [...(state.warming.get(typeUrl) ?? [])].filter((name) => type.held.has(name) && resources.has(name));
}

/** The names whose absence may be told now. */
export function removableNow(state: SessionState, typeUrl: string): readonly string[] {
  const type = state.types.get(typeUrl);
  if (type === undefined || type.due.removals.size === 0) return [];
  const users = removedAfter.get(typeUrl) ?? [];
  if (type.awaitsListeners && users.includes(typeUrls.listener) && !state.types.has(typeUrls.listener)) return [];
  return users.every((user) => isSettled(state.types.get(user))) ? [...type.due.removals] : [];
}

function waitsForClusters(state: SessionState, typeUrl: string): boolean {
  return afterClusters.has(typeUrl) && (state.types.get(typeUrls.cluster)?.due.updates.size ?? 0) > 0;
}

/** Answers a request at once, but for content that is new and has to wait for clusters: that becomes due. */
export function answer<R>(state: SessionState, typeUrl: string, tidings: Tidings, protocol: Protocol<R>): Step<R> {
  const type = state.types.get(typeUrl);
  if (type === undefined) return [state, []];
  const resources = resourcesOf(state, typeUrl);
  const updates = new Set(tidings.updates);
  const fresh = [...updates].filter((name) => type.held.get(name) !== resources.get(name)?.version);
  if (fresh.length === 0 || !waitsForClusters(state, typeUrl)) return send(state, typeUrl, tidings, protocol);
  const due = { ...type.due, updates: type.due.updates.union(new Set(fresh)) };
  const postponed = withType(state, typeUrl, { ...type, due });
  const rest = updates.difference(new Set(fresh));
  if (protocol.sendsAll || (rest.size === 0 && tidings.removals.length === 0)) return [postponed, []];
  return send(postponed, typeUrl, { updates: rest, removals: tidings.removals }, protocol);
}

/** Sends one response: `tidings`, or with them all that is wanted where the protocol sends all. */
function send<R>(state: SessionState, typeUrl: string, tidings: Tidings, protocol: Protocol<R>): Step<R> {
  const type = state.types.get(typeUrl);
  if (type === undefined) return [state, []];
  const { removals } = tidings;
  const resources = protocol.sendsAll
    ? everythingWanted(type, resourcesOf(state, typeUrl), removals)
    : [...tidings.updates].flatMap((name) => resourcesOf(state, typeUrl).get(name) ?? []);
  const versions = new Map(resources.map(({ name, version }) => [name, version]));
  const nonce = String(state.nextNonce);
  const { generation } = state.snapshot;
  const version = protocol.sendsAll ? setVersion(versions) : String(generation);
  const sent: Sent = { nonce, version, generation, resources: versions, removals, isOverdue: false };
  const response = protocol.toResponse({ typeUrl, nonce, generation, version, resources, removals });
  const next = { ...withType(state, typeUrl, afterSending(type, sent)), nextNonce: state.nextNonce + 1 };
  const changed = resources.filter(({ name, version }) => !protocol.sendsAll || type.held.get(name) !== version);
  return [
    warm(next, typeUrl, { changed, sent: protocol.sendsAll ? undefined : versions }),
    [{ kind: 'send', typeUrl, nonce, response }],
  ];
}

function everythingWanted(
  type: TypeState,
  resources: ResourceMap,
  removals: readonly string[],
): readonly SnapshotResource[] {
  const lingering = [...type.lingering.values()].filter(({ name }) => !removals.includes(name));
  if (type.isWildcard) return [...resources.values(), ...lingering];
  return [...[...type.names].flatMap((name) => resources.get(name) ?? []), ...lingering];
}

function afterSending(type: TypeState, sent: Sent): TypeState {
  const held = new Map(type.held);
  for (const [name, version] of sent.resources) held.set(name, version);
  for (const name of sent.removals) {
    if (type.names.has(name)) held.set(name, '');
    else held.delete(name);
  }
  const lingering = new Map(type.lingering);
  for (const name of sent.removals) lingering.delete(name);
  const due: Due = {
    updates: type.due.updates.difference(new Set(sent.resources.keys())),
    removals: type.due.removals.difference(new Set(sent.removals)),
  };
  return { ...type, held, lingering, due, inFlight: [...type.inFlight, sent], lastNonce: sent.nonce };
}

/** Notes what must follow: the endpoints of clusters, the routes of listeners that were sent anew. */
function warm(
  state: SessionState,
  typeUrl: string,
  { changed, sent }: { changed: readonly SnapshotResource[]; sent: ReadonlyMap<string, string> | undefined },
): SessionState {
  const warming = new Map(state.warming);
  const remaining = sent === undefined ? [] : [...(warming.get(typeUrl) ?? [])].filter((name) => !sent.has(name));
  if (remaining.length === 0) warming.delete(typeUrl);
  else warming.set(typeUrl, new Set(remaining));
  const target = referencedType.get(typeUrl);
  const references = changed.flatMap((resource) => resource.references);
  if (target !== undefined && references.length > 0)
    warming.set(target, new Set([...(warming.get(target) ?? []), ...references]));
  return { ...state, warming };
}
