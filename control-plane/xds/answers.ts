import type { ErrorDetail } from '#shared/xds/discovery.ts';
import {
  dueOf,
  resourcesOf,
  withType,
  type Refusal,
  type Sent,
  type SessionEffect,
  type SessionState,
  type Step,
  type TypeState,
} from './session-state.ts';

/** Stands for the version of a resource whose removal was refused. It equals no version of content. */
const refusedRemoval = 'removed';

/** The proxy has accepted `sent`: its content counts as applied. */
export function accept<R>(state: SessionState, typeUrl: string, sent: Sent): Step<R> {
  const type = state.types.get(typeUrl);
  if (type === undefined) return [state, []];
  const accepted = new Map(type.accepted);
  const refused = new Map(type.refused);
  for (const [name, version] of sent.resources) {
    if (type.held.has(name)) accepted.set(name, version);
    refused.delete(name);
  }
  for (const name of sent.removals) {
    accepted.delete(name);
    refused.delete(name);
  }
  const { nonce, version, generation } = sent;
  const next = { ...answered(type, sent), accepted, refused, lastAccepted: { nonce, version, generation } };
  return [withType(state, typeUrl, next), [{ kind: 'accepted', typeUrl, nonce, generation }]];
}

/**
 * The proxy has refused `sent` and keeps what it had. What was new in it is remembered, and not sent again before its content
 * changes.
 */
export function refuse<R>(
  state: SessionState,
  typeUrl: string,
  { sent, error }: { sent: Sent; error: ErrorDetail },
): Step<R> {
  const type = state.types.get(typeUrl);
  if (type === undefined) return [state, []];
  const changed = [...sent.resources].filter(([name, version]) => type.accepted.get(name) !== version);
  const gone = sent.removals.map((name) => [name, refusedRemoval] as const);
  const blamed = changed.length + gone.length === 0 ? [...sent.resources] : [...changed, ...gone];
  const { nonce, generation } = sent;
  const { message } = error;
  const refused = new Map<string, Refusal>(type.refused);
  for (const [name, version] of blamed) refused.set(name, { version, generation, message });
  // The proxy may still have what it was told is gone: with the next change it is told again.
  const held = new Map([...type.held, ...gone]);
  const names = blamed.map(([name]) => name);
  const effect: SessionEffect<R> = { kind: 'refused', typeUrl, nonce, generation, error, names };
  const next = { ...answered(type, sent), held, refused };
  // If the config has moved on meanwhile, this is the change that the removals were to wait for.
  const due = generation === state.snapshot.generation ? next.due : dueOf(next, resourcesOf(state, typeUrl));
  return [withType(state, typeUrl, { ...next, due }), [effect]];
}

/** Marks a response as overdue, so that newer content no longer waits for the answer to it. */
export function markOverdue(state: SessionState, typeUrl: string, nonce: string): SessionState {
  const type = state.types.get(typeUrl);
  if (type === undefined || !type.inFlight.some((sent) => sent.nonce === nonce)) return state;
  const inFlight = type.inFlight.map((sent) => (sent.nonce === nonce ? { ...sent, isOverdue: true } : sent));
  return withType(state, typeUrl, { ...type, inFlight });
}

function answered(type: TypeState, { nonce }: Sent): TypeState {
  return { ...type, inFlight: type.inFlight.filter((sent) => sent.nonce !== nonce) };
}
