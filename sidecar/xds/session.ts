/**
 * The sidecar's side of an incremental ADS stream, pure: `(state, event) -> [state, effects]`.
 *
 * In: responses of the control plane (already unpacked to typed form), connects and disconnects. Out: requests to send (ACK,
 * NACK with the path of the bad field, subscriptions that follow from what arrived) and `publish` whenever what the data path
 * should know has changed. What was held survives a disconnect: on the next stream its versions are told, so that nothing
 * unchanged is sent again. A bad resource is refused by name; the good ones of the same response apply, and of the bad one the
 * last good version stays (SEMANTICS: xds_protocol.rst, incremental).
 */
import { describeError } from '#shared/runtime/mesh-error.ts';
import { fail, formatProblems, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';
import { unpackMessage, type PackedMessage } from '#shared/xds/packed.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import { PartPool } from './decode/part-pool.ts';
import { decodeResource, sidecarTypes, type Decoded, type SidecarType } from './resource-types.ts';

/** A resource as it arrived, or lay on disk. */
export type ReceivedResource = Readonly<{ name: string; version: string; message: PackedMessage }>;

/** A resource as held: as it arrived (for dumps and the disk cache), and its decoded form. */
export type HeldResource = ReceivedResource & Readonly<{ decoded: Decoded }>;

export type HeldResources = Readonly<Record<SidecarType, ReadonlyMap<string, HeldResource>>>;

export type XdsState = Readonly<{
  held: HeldResources;
  /** Names asked for on the current stream; null: the stream has not asked for this type yet. */
  subscribed: Readonly<Record<SidecarType, ReadonlySet<string> | null>>;
  /** The types that this sidecar asks for. */
  asked: readonly SidecarType[];
  /** Names for which the control plane said that there is nothing. */
  absent: Readonly<Record<SidecarType, ReadonlySet<string>>>;
  /** The last refusal of each type, for the admin port. */
  refused: Readonly<Partial<Record<SidecarType, string>>>;
  isConnected: boolean;
}>;

export type XdsEvent =
  | Readonly<{ kind: 'connected' }>
  | Readonly<{ kind: 'disconnected' }>
  | Readonly<{
      kind: 'response';
      type: SidecarType;
      nonce: string;
      resources: readonly ReceivedResource[];
      removed: readonly string[];
    }>
  /** What the disk cache held at start. */
  | Readonly<{
      kind: 'restored';
      resources: readonly (ReceivedResource & Readonly<{ type: SidecarType }>)[];
    }>;

export type XdsEffect =
  | Readonly<{
      kind: 'request';
      type: SidecarType;
      subscribe: readonly string[];
      unsubscribe: readonly string[];
      /** Only in the first request of a type on a stream. */
      initialVersions: Readonly<Record<string, string>>;
      nonce: string;
      /** Set: a NACK. */
      error: string | null;
    }>
  | Readonly<{ kind: 'publish' }>
  | Readonly<{ kind: 'refused'; type: SidecarType; name: string; problems: readonly Problem[] }>;

const wildcard = '*';
const byWildcard: ReadonlySet<SidecarType> = new Set(['cluster', 'listener', 'nameTable']);

const perType = <T>(make: () => T): Record<SidecarType, T> => ({
  cluster: make(),
  endpoints: make(),
  listener: make(),
  routes: make(),
  nameTable: make(),
});
const noNames: ReadonlySet<string> = new Set();

export const initialXdsState: XdsState = {
  held: perType(() => new Map()),
  subscribed: perType(() => null),
  asked: sidecarTypes.filter((type) => type !== 'nameTable'),
  absent: perType(() => noNames),
  refused: {},
  isConnected: false,
};

/** The same for a sidecar that has a DNS proxy. */
export const initialXdsStateWithNames: XdsState = { ...initialXdsState, asked: sidecarTypes };

/** One step of the session. */
export function stepXds(state: XdsState, event: XdsEvent): [XdsState, XdsEffect[]] {
  switch (event.kind) {
    case 'connected':
      return connect({ ...state, isConnected: true, subscribed: initialXdsState.subscribed });
    case 'disconnected':
      return [{ ...state, isConnected: false, subscribed: initialXdsState.subscribed }, []];
    case 'restored':
      return restore(state, event.resources);
    case 'response':
      return receive(state, event);
  }
}

/** The names that the held clusters and listeners refer to. */
export function wantedNames(held: HeldResources, type: SidecarType): ReadonlySet<string> {
  const names = new Set<string>();
  if (type === 'endpoints') {
    for (const { decoded } of held.cluster.values()) {
      if (decoded.type === 'cluster' && decoded.value.discovery.kind === 'eds')
        names.add(decoded.value.discovery.serviceName);
    }
  } else if (type === 'routes') {
    for (const { decoded } of held.listener.values()) {
      if (decoded.type !== 'listener') continue;
      for (const chain of [...decoded.value.chains, decoded.value.defaultChain]) {
        if (chain?.handler.kind === 'http' && chain.handler.http.routes.kind === 'rds')
          names.add(chain.handler.http.routes.name);
      }
    }
  } else names.add(wildcard);
  return names;
}

/** Asks for everything on a new stream, telling what is held. */
function connect(state: XdsState): [XdsState, XdsEffect[]] {
  let next = state;
  const effects: XdsEffect[] = [];
  for (const type of state.asked) {
    const [after, asked] = resubscribe(next, type, '', null);
    next = after;
    effects.push(...asked);
  }
  return [next, effects];
}

/**
 * Brings the subscriptions of a type in line with what is wanted; with a nonce it is an ACK or NACK too.
 * Nothing is sent when there is neither a change nor a nonce.
 */
function resubscribe(state: XdsState, type: SidecarType, nonce: string, error: string | null): [XdsState, XdsEffect[]] {
  const before = state.subscribed[type];
  const wanted = wantedNames(state.held, type);
  const subscribe = [...wanted].filter((name) => before?.has(name) !== true);
  const unsubscribe = [...(before ?? [])].filter((name) => !wanted.has(name));
  if (subscribe.length === 0 && unsubscribe.length === 0 && nonce === '') return [state, []];
  const initialVersions: Record<string, string> = {};
  if (before === null) {
    for (const resource of state.held[type].values()) {
      if (byWildcard.has(type) || wanted.has(resource.name)) initialVersions[resource.name] = resource.version;
    }
  }
  const held = byWildcard.has(type) ? state.held : { ...state.held, [type]: keep(state.held[type], wanted) };
  const absent = { ...state.absent, [type]: new Set([...state.absent[type]].filter((name) => wanted.has(name))) };
  return [
    { ...state, held, absent, subscribed: { ...state.subscribed, [type]: wanted } },
    [{ kind: 'request', type, subscribe, unsubscribe, initialVersions, nonce, error }],
  ];
}

function keep(
  resources: ReadonlyMap<string, HeldResource>,
  names: ReadonlySet<string>,
): ReadonlyMap<string, HeldResource> {
  return new Map([...resources].filter(([name]) => names.has(name)));
}

function receive(state: XdsState, event: Extract<XdsEvent, { kind: 'response' }>): [XdsState, XdsEffect[]] {
  const { type } = event;
  const resources = new Map(state.held[type]);
  const absent = new Set(state.absent[type]);
  const effects: XdsEffect[] = [];
  const errors: string[] = [];
  const pool = new PartPool();
  for (const received of event.resources) {
    const held = decodeReceived(type, received, pool);
    if ('problems' in held) {
      effects.push({ kind: 'refused', type, name: received.name, problems: held.problems });
      errors.push(`${received.name}: ${formatProblems(held.problems)}`);
      continue;
    }
    resources.set(received.name, held);
    absent.delete(received.name);
  }
  for (const name of event.removed) {
    resources.delete(name);
    absent.add(name);
  }
  const error = errors.length === 0 ? null : errors.join('; ');
  const refused = { ...state.refused };
  if (error === null) delete refused[type];
  else refused[type] = error;
  const next = {
    ...state,
    held: { ...state.held, [type]: resources },
    absent: { ...state.absent, [type]: absent },
    refused,
  };
  return follow(next, type, event.nonce, { effects, error });
}

function decodeReceived(
  type: SidecarType,
  received: ReceivedResource,
  pool: PartPool,
): HeldResource | { problems: readonly Problem[] } {
  const { name, version, message } = received;
  // Unpacked one by one: of a large response no two typed forms are there at a time.
  const typed = unpack(message);
  const decoded = typed.ok ? decodeResource(type, typed.value, pool) : typed;
  return decoded.ok ? { name, version, message, decoded: decoded.value } : { problems: decoded.problems };
}

function unpack(message: PackedMessage): Result<TypedMessage> {
  try {
    return ok(unpackMessage(message));
  } catch (error) {
    return fail([problem('', describeError(error))]);
  }
}

/** Answers a response, then asks for what it made necessary: endpoints after clusters, routes after listeners. */
function follow(
  state: XdsState,
  type: SidecarType,
  nonce: string,
  outcome: { effects: XdsEffect[]; error: string | null },
): [XdsState, XdsEffect[]] {
  const [answered, answer] = resubscribe(state, type, nonce, outcome.error);
  const dependent = type === 'cluster' ? 'endpoints' : type === 'listener' ? 'routes' : null;
  const [next, asked] = dependent === null ? [answered, []] : resubscribe(answered, dependent, '', null);
  return [next, [...outcome.effects, ...answer, ...asked, { kind: 'publish' }]];
}

function restore(
  state: XdsState,
  resources: Extract<XdsEvent, { kind: 'restored' }>['resources'],
): [XdsState, XdsEffect[]] {
  const held = perType(() => new Map<string, HeldResource>());
  const pool = new PartPool();
  for (const { type, ...resource } of resources) {
    if (!state.asked.includes(type)) continue;
    const decoded = decodeReceived(type, resource, pool);
    if (!('problems' in decoded)) held[type].set(resource.name, decoded);
  }
  return [{ ...state, held }, [{ kind: 'publish' }]];
}
