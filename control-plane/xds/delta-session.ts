import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '#shared/xds/discovery.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { accept, refuse } from './answers.ts';
import { answer, removableNow } from './push.ts';
import { stepStream } from './step-stream.ts';
import {
  dueOf,
  newTypeState,
  resourcesOf,
  withType,
  type Protocol,
  type SessionEvent,
  type SessionState,
  type Step,
  type TypeState,
} from './session-state.ts';

/** Types for which an empty first request means all. */
const wildcardTypes: ReadonlySet<string> = new Set([typeUrls.cluster, typeUrls.listener, typeUrls.nameTable]);

/** Incremental: each response carries what has changed, and names what is gone. */
const protocol: Protocol<DeltaDiscoveryResponse> = {
  sendsAll: false,
  tellsRemovals: () => true,
  toResponse: ({ typeUrl, nonce, version, resources, removals }) => ({
    systemVersionInfo: version,
    typeUrl,
    nonce,
    removedResources: removals,
    resources: resources.map(({ name, version, body }) => ({ name, version, resource: { typeUrl, value: body } })),
  }),
};

/** One step of an incremental stream. */
export function stepDeltaSession(
  state: SessionState,
  event: SessionEvent<DeltaDiscoveryRequest>,
): Step<DeltaDiscoveryResponse> {
  return stepStream(state, event, protocol, onRequest);
}

function onRequest(state: SessionState, request: DeltaDiscoveryRequest): Step<DeltaDiscoveryResponse> {
  const type = state.types.get(request.typeUrl);
  if (type === undefined) return subscribe(state, request);
  const [answered, effects] = onAnswer(state, request, type);
  // Changes of the subscription count whatever the nonce says.
  const [next, response] = resubscribe(answered, request);
  return [next, [...effects, ...response]];
}

function onAnswer(
  state: SessionState,
  { typeUrl, responseNonce, errorDetail }: DeltaDiscoveryRequest,
  type: TypeState,
): Step<DeltaDiscoveryResponse> {
  const sent = type.inFlight.find(({ nonce }) => nonce === responseNonce);
  if (sent === undefined) return [state, []];
  return errorDetail === undefined
    ? accept(state, typeUrl, sent)
    : refuse(state, typeUrl, { sent, error: errorDetail });
}

/** The first request of a type: only what differs from what the client says it holds is sent. */
function subscribe(state: SessionState, request: DeltaDiscoveryRequest): Step<DeltaDiscoveryResponse> {
  const { typeUrl, resourceNamesSubscribe, initialResourceVersions } = request;
  const isExplicit = resourceNamesSubscribe.length > 0;
  const isWildcard = resourceNamesSubscribe.includes('*') || (!isExplicit && wildcardTypes.has(typeUrl));
  const names = new Set(resourceNamesSubscribe.filter((name) => name !== '*'));
  const known = Object.entries(initialResourceVersions).filter(([name]) => isWildcard || names.has(name));
  const held = new Map(known);
  const fresh = newTypeState({ isWildcard, isExplicit, names });
  const type = { ...fresh, held, accepted: held, awaitsListeners: known.length > 0 };
  const due = dueOf(type, resourcesOf(state, typeUrl));
  const next = withType(state, typeUrl, { ...type, due });
  const missing = [...names].filter((name) => !held.has(name) && !resourcesOf(state, typeUrl).has(name));
  const removals = [...missing, ...removableNow(next, typeUrl)];
  // A client that wants all is answered even when there is nothing: it waits for its first response.
  if (due.updates.size === 0 && removals.length === 0 && !isWildcard) return [next, []];
  return answer(next, typeUrl, { updates: due.updates, removals }, protocol);
}

function resubscribe(state: SessionState, request: DeltaDiscoveryRequest): Step<DeltaDiscoveryResponse> {
  const { typeUrl, resourceNamesSubscribe: added, resourceNamesUnsubscribe: dropped } = request;
  const type = state.types.get(typeUrl);
  if (type === undefined || (added.length === 0 && dropped.length === 0)) return [state, []];
  const resources = resourcesOf(state, typeUrl);
  const wanted = changeNames(type, added, dropped);
  const asked = added.filter((name) => name !== '*');
  // A client that drops a name but still wants all cannot know whether it keeps the resource: it has to be told.
  const unclear = wanted.isWildcard ? dropped.filter((name) => type.names.has(name)) : [];
  const answered = [...new Set([...asked, ...unclear])];
  const all = wanted.isWildcard && !type.isWildcard ? dueOf(wanted, resources).updates : [];
  const updates = new Set([...answered.filter((name) => resources.has(name)), ...all]);
  const removals = answered.filter((name) => !resources.has(name));
  const next = withType(state, typeUrl, wanted);
  if (updates.size === 0 && removals.length === 0) return [next, []];
  return answer(next, typeUrl, { updates, removals }, protocol);
}

function changeNames(type: TypeState, added: readonly string[], dropped: readonly string[]): TypeState {
  const names = new Set(type.names);
  for (const name of dropped) names.delete(name);
  for (const name of added) if (name !== '*') names.add(name);
  const isWildcard = added.includes('*') || (type.isWildcard && !dropped.includes('*'));
  const changed = { ...type, names, isWildcard, isExplicit: true };
  if (isWildcard) return changed;
  const only = <V>(map: ReadonlyMap<string, V>) => new Map([...map].filter(([name]) => names.has(name)));
  return {
    ...changed,
    held: only(type.held),
    accepted: only(type.accepted),
    refused: only(type.refused),
    due: { updates: type.due.updates.intersection(names), removals: type.due.removals.intersection(names) },
  };
}
