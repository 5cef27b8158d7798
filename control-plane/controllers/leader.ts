/**
 * Who leads, as a pure state machine over one Lease (coordination.k8s.io/v1). The rules are those of client-go's leader election:
 * a lease is as old as we have seen it unchanged by our own clock, so clocks need not agree; a leader that has not renewed for
 * `renewDeadlineMs` stops, before the others may take over; of two writers the API server's resource version lets one pass.
 *
 *   due -> read -> (create | replace) -> written -> lead
 *                                     -> rejected, failed -> again later
 */

/** A Lease as far as election looks at it. */
export type LeaseRecord = Readonly<{
  /** Empty: nobody holds it. */
  holder: string;
  durationMs: number;
  /** Epoch milliseconds at which the holder acquired it, and said last that it lives. */
  acquiredAtMs: number;
  renewedAtMs: number;
  transitions: number;
  resourceVersion: string;
}>;

export type LeaderTiming = Readonly<{ leaseMs: number; renewDeadlineMs: number; retryMs: number }>;

/** As client-go's defaults. */
export const defaultLeaderTiming: LeaderTiming = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 };

export type LeaderState = Readonly<{
  me: string;
  timing: LeaderTiming;
  /** The lease when it last changed, and when that was seen, by our own clock. */
  observed: Readonly<{ lease: LeaseRecord; atMs: number }> | null;
  /** Until when we may act, by our own clock; null: we do not lead. */
  leadsUntilMs: number | null;
}>;

/** `startedMs`: when the call that is answered was begun, so that its way counts against us. */
export type LeaderEvent =
  | Readonly<{ kind: 'due'; atMs: number }>
  | Readonly<{ kind: 'read'; lease: LeaseRecord | null; atMs: number }>
  | Readonly<{ kind: 'written'; lease: LeaseRecord; startedMs: number }>
  | Readonly<{ kind: 'rejected'; atMs: number }>
  | Readonly<{ kind: 'failed'; atMs: number }>;

export type LeaderEffect =
  | Readonly<{ kind: 'read' }>
  /** `lease.resourceVersion` is the condition of a replace; empty: create. */
  | Readonly<{ kind: 'write'; lease: LeaseRecord }>
  | Readonly<{ kind: 'retry'; afterMs: number }>
  | Readonly<{ kind: 'lead' }>
  | Readonly<{ kind: 'stop' }>;

export type LeaderStep = readonly [LeaderState, readonly LeaderEffect[]];

export function initialLeader(me: string, timing: LeaderTiming): LeaderState {
  return { me, timing, observed: null, leadsUntilMs: null };
}

/** One step. `atMs` is of a clock that never goes back, what stands in leases is of the wall clock (`wallMs`). */
export function stepLeader(state: LeaderState, event: LeaderEvent, wallMs: number): LeaderStep {
  switch (event.kind) {
    case 'due': {
      const [next, effects] = expire(state, event.atMs);
      return [next, [...effects, { kind: 'read' }]];
    }
    case 'read':
      return onRead(state, event, wallMs);
    case 'written': {
      const { timing, leadsUntilMs } = state;
      const observed = { lease: event.lease, atMs: event.startedMs };
      const next = { ...state, observed, leadsUntilMs: event.startedMs + timing.renewDeadlineMs };
      return [next, [...(leadsUntilMs === null ? [{ kind: 'lead' as const }] : []), again(timing)]];
    }
    case 'rejected':
    case 'failed': {
      const [next, effects] = expire(state, event.atMs);
      return [next, [...effects, again(state.timing)]];
    }
  }
}

/** The lease as it is given back, so that another need not wait; null where we have none to give. */
export function releasedLease({ me, observed }: LeaderState, wallMs: number): LeaseRecord | null {
  if (observed?.lease.holder !== me) return null;
  return { ...observed.lease, holder: '', durationMs: 1000, renewedAtMs: wallMs };
}

function onRead(
  state: LeaderState,
  { lease, atMs }: Extract<LeaderEvent, { kind: 'read' }>,
  wallMs: number,
): LeaderStep {
  const { me, timing } = state;
  const isSame = lease !== null && lease.resourceVersion === state.observed?.lease.resourceVersion;
  const observed = lease === null ? null : isSame ? state.observed : { lease, atMs };
  const known = { ...state, observed };
  const [next, effects] = lease?.holder === me ? expire(known, atMs) : stop(known);
  const isFree = observed === null || ['', me].includes(observed.lease.holder) || isOver(observed, atMs);
  if (!isFree) return [next, [...effects, again(timing)]];
  return [next, [...effects, { kind: 'write', lease: claim(state, lease, wallMs) }]];
}

function isOver({ lease, atMs }: NonNullable<LeaderState['observed']>, nowMs: number): boolean {
  return nowMs >= atMs + lease.durationMs;
}

function claim({ me, timing }: LeaderState, lease: LeaseRecord | null, wallMs: number): LeaseRecord {
  const isMine = lease?.holder === me;
  return {
    holder: me,
    durationMs: timing.leaseMs,
    acquiredAtMs: isMine ? lease.acquiredAtMs : wallMs,
    renewedAtMs: wallMs,
    transitions: lease === null ? 0 : lease.transitions + (isMine ? 0 : 1),
    resourceVersion: lease?.resourceVersion ?? '',
  };
}

function expire(state: LeaderState, nowMs: number): LeaderStep {
  return state.leadsUntilMs !== null && nowMs >= state.leadsUntilMs ? stop(state) : [state, []];
}

function stop(state: LeaderState): LeaderStep {
  return state.leadsUntilMs === null ? [state, []] : [{ ...state, leadsUntilMs: null }, [{ kind: 'stop' }]];
}

const again = ({ retryMs }: LeaderTiming): LeaderEffect => ({ kind: 'retry', afterMs: retryMs });
