/**
 * What the server knows of one proxy's stream. Both forms of the protocol (`session.ts`, `delta-session.ts`) keep it and
 * share the rules of `push.ts`; the shell in `ads-stream.ts` owns the current value and does what the effects say.
 *
 *   request | snapshot | overdue  ->  (state, event)  ->  [state, effects]  ->  responses on the wire, what to record
 *
 * Nothing in it is changed in place.
 */
import type { ErrorDetail } from '#shared/xds/discovery.ts';
import type { ProxySnapshot, ResourceMap, SnapshotResource } from './snapshot.ts';

/** What is to be told when the time has come: names with new content, names that are gone. */
export type Due = Readonly<{ updates: ReadonlySet<string>; removals: ReadonlySet<string> }>;

/** A response that was neither accepted nor refused yet. */
export type Sent = Readonly<{
  nonce: string;
  version: string;
  generation: number;
  /** The version of each resource in it. */
  resources: ReadonlyMap<string, string>;
  removals: readonly string[];
  /** The proxy took too long: newer content no longer waits for its answer. */
  isOverdue: boolean;
}>;

/** A version of a resource that the proxy refused, and why. */
export type Refusal = Readonly<{ version: string; generation: number; message: string }>;

/** What the proxy last accepted of a type. */
export type Accepted = Readonly<{ nonce: string; version: string; generation: number }>;

/** One subscription: a type on a stream. */
export type TypeState = Readonly<{
  /** All resources of the type are wanted. */
  isWildcard: boolean;
  /** Names were given once, so that an empty list no longer means "all". */
  isExplicit: boolean;
  names: ReadonlySet<string>;
  /** The version last told of each resource; `''` when it was told that there is none. */
  held: ReadonlyMap<string, string>;
  /** The version last accepted of each resource. */
  accepted: ReadonlyMap<string, string>;
  refused: ReadonlyMap<string, Refusal>;
  due: Due;
  /** Resources that are gone from the snapshot, as long as the proxy may still need them (state of the world only). */
  lingering: ResourceMap;
  inFlight: readonly Sent[];
  lastNonce: string;
  lastAccepted: Accepted | undefined;
  /** The proxy came with resources of an earlier stream; removals wait until its listeners are known. */
  awaitsListeners: boolean;
}>;

/** One stream. */
export type SessionState = Readonly<{
  snapshot: ProxySnapshot;
  types: ReadonlyMap<string, TypeState>;
  /** By type: resources that the proxy needs again, because what refers to them was sent anew. */
  warming: ReadonlyMap<string, ReadonlySet<string>>;
  nextNonce: number;
  /** The newest generation of which everything was accepted. */
  appliedGeneration: number | undefined;
}>;

/** What may happen on a stream. `Request` is the request of the form of the protocol. */
export type SessionEvent<Request> =
  | Readonly<{ kind: 'request'; request: Request }>
  | Readonly<{ kind: 'snapshot'; snapshot: ProxySnapshot }>
  | Readonly<{ kind: 'overdue'; typeUrl: string; nonce: string }>;

/** A response that was refused: why, and which resources were new in it. */
export type RefusedResponse = Readonly<{
  typeUrl: string;
  nonce: string;
  generation: number;
  error: ErrorDetail;
  names: readonly string[];
}>;

/** What is to be done. */
export type SessionEffect<Response> =
  | Readonly<{ kind: 'send'; typeUrl: string; nonce: string; response: Response }>
  | Readonly<{ kind: 'accepted'; typeUrl: string; nonce: string; generation: number }>
  | (Readonly<{ kind: 'refused' }> & RefusedResponse)
  | Readonly<{ kind: 'applied'; generation: number }>;

/** A step: the next state, and what is to be done. */
export type Step<Response> = readonly [SessionState, readonly SessionEffect<Response>[]];

/** What a response is made of. */
export type ResponseParts = Readonly<{
  typeUrl: string;
  nonce: string;
  generation: number;
  version: string;
  resources: readonly SnapshotResource[];
  removals: readonly string[];
}>;

/** Where the two forms of the protocol differ when something is sent. */
export type Protocol<Response> = Readonly<{
  /** Each response carries all that is wanted, not only what changed. */
  sendsAll: boolean;
  /** Whether the absence of a resource of this type can be told. */
  tellsRemovals(typeUrl: string): boolean;
  toResponse(parts: ResponseParts): Response;
}>;

const nothing: Due = { updates: new Set(), removals: new Set() };

/** A stream on which nothing was asked yet. */
export function newSession(snapshot: ProxySnapshot): SessionState {
  return { snapshot, types: new Map(), warming: new Map(), nextNonce: 1, appliedGeneration: undefined };
}

/** A subscription of which nothing was sent yet. */
export function newTypeState(wanted: Pick<TypeState, 'isWildcard' | 'isExplicit' | 'names'>): TypeState {
  return {
    ...wanted,
    held: new Map(),
    accepted: new Map(),
    refused: new Map(),
    due: nothing,
    lingering: new Map(),
    inFlight: [],
    lastNonce: '',
    lastAccepted: undefined,
    awaitsListeners: false,
  };
}

/** The state with one subscription replaced. */
export function withType(state: SessionState, typeUrl: string, type: TypeState): SessionState {
  return { ...state, types: new Map(state.types).set(typeUrl, type) };
}

/** The resources of a type in the current snapshot. */
export function resourcesOf(state: SessionState, typeUrl: string): ResourceMap {
  return state.snapshot.resources.get(typeUrl) ?? new Map<string, SnapshotResource>();
}

/** Nothing of the type is waiting, on its way, or refused. */
export function isSettled(type: TypeState | undefined): boolean {
  return (
    type === undefined ||
    (type.inFlight.length === 0 &&
      type.refused.size === 0 &&
      type.due.updates.size === 0 &&
      type.due.removals.size === 0)
  );
}

/** What differs between what the proxy was told and `resources`. */
export function dueOf(type: TypeState, resources: ResourceMap): Due {
  const updates = new Set<string>();
  const removals = new Set<string>();
  for (const name of type.isWildcard ? resources.keys() : type.names) {
    const resource = resources.get(name);
    if (resource !== undefined && type.held.get(name) !== resource.version) updates.add(name);
  }
  for (const [name, version] of type.held) if (version !== '' && !resources.has(name)) removals.add(name);
  return { updates, removals };
}
