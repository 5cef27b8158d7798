import type { DiscoveryRequest, DiscoveryResponse } from '#shared/xds/discovery.ts';
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

type Effect = Step<DiscoveryResponse>[1][number];

/** Types whose missing resources are deleted, and for which an empty first request means all. */
const fullSetTypes: ReadonlySet<string> = new Set([typeUrls.cluster, typeUrls.listener, typeUrls.nameTable]);

/** State of the world: each response carries all that is wanted of its type. */
const protocol: Protocol<DiscoveryResponse> = {
  sendsAll: true,
  tellsRemovals: (typeUrl) => fullSetTypes.has(typeUrl),
  toResponse: ({ typeUrl, nonce, version, resources }) => ({
    versionInfo: version,
    typeUrl,
    nonce,
    resources: resources.map(({ body }) => ({ typeUrl, value: body })),
  }),
};

/** One step of a state-of-the-world stream. */
export function stepSession(state: SessionState, event: SessionEvent<DiscoveryRequest>): Step<DiscoveryResponse> {
  return stepStream(state, event, protocol, onRequest);
}

function onRequest(state: SessionState, request: DiscoveryRequest): Step<DiscoveryResponse> {
  const { typeUrl, responseNonce, errorDetail } = request;
  const type = state.types.get(typeUrl);
  // Without a nonce, or on a type that this stream has not seen, the client starts anew: it is always answered.
  if (type === undefined || responseNonce === '') return startAnew(state, request);
  // An answer to an older response: the client will repeat its names with the newer nonce.
  if (responseNonce !== type.lastNonce) return [state, []];
  const effects: Effect[] = [];
  let next = state;
  const sent = type.inFlight.findLast(({ nonce }) => nonce === responseNonce);
  if (sent !== undefined) {
    // What came before it is superseded: an answer to it would be stale.
    const only = withType(state, typeUrl, { ...type, inFlight: [sent] });
    const [after, told] =
      errorDetail === undefined
        ? accept<DiscoveryResponse>(only, typeUrl, sent)
        : refuse<DiscoveryResponse>(only, typeUrl, { sent, error: errorDetail });
    next = after;
    effects.push(...told);
  }
  const [wanted, added] = resubscribe(next.types.get(typeUrl) ?? type, request);
  next = withType(next, typeUrl, wanted);
  const mustWarm = errorDetail === undefined && (state.warming.get(typeUrl)?.size ?? 0) > 0;
  if (!added && !mustWarm) return [next, effects];
  const [answered, response] = answerAll(next, typeUrl);
  return [answered, [...effects, ...response]];
}

function startAnew(state: SessionState, request: DiscoveryRequest): Step<DiscoveryResponse> {
  const { typeUrl, resourceNames } = request;
  const isExplicit = resourceNames.length > 0;
  const isWildcard = resourceNames.includes('*') || (!isExplicit && fullSetTypes.has(typeUrl));
  const names = new Set(resourceNames.filter((name) => name !== '*'));
  return answerAll(withType(state, typeUrl, newTypeState({ isWildcard, isExplicit, names })), typeUrl);
}

/** The subscription as the request's list says, and whether anything was added to it. */
function resubscribe(type: TypeState, { resourceNames, typeUrl }: DiscoveryRequest): [TypeState, boolean] {
  const isExplicit = type.isExplicit || resourceNames.length > 0;
  const isWildcard = resourceNames.includes('*') || (!isExplicit && fullSetTypes.has(typeUrl));
  const names = new Set(resourceNames.filter((name) => name !== '*'));
  const hasAdded = (isWildcard && !type.isWildcard) || [...names].some((name) => !type.names.has(name));
  if (!hasAdded && isWildcard === type.isWildcard && names.size === type.names.size) return [type, false];
  return [{ ...keepOnly(type, isWildcard, names), isExplicit, isWildcard, names }, hasAdded];
}

/** What is no longer wanted is forgotten, so that it counts as new when it is wanted again. */
function keepOnly(type: TypeState, isWildcard: boolean, names: ReadonlySet<string>): TypeState {
  if (isWildcard) return type;
  const only = <V>(map: ReadonlyMap<string, V>) => new Map([...map].filter(([name]) => names.has(name)));
  return {
    ...type,
    held: only(type.held),
    accepted: only(type.accepted),
    refused: only(type.refused),
    lingering: only(type.lingering),
    due: { updates: type.due.updates.intersection(names), removals: type.due.removals.intersection(names) },
  };
}

function answerAll(state: SessionState, typeUrl: string): Step<DiscoveryResponse> {
  const type = state.types.get(typeUrl);
  if (type === undefined) return [state, []];
  const { updates } = dueOf(type, resourcesOf(state, typeUrl));
  return answer(state, typeUrl, { updates, removals: removableNow(state, typeUrl) }, protocol);
}
