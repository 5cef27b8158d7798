import { fullJitterMs } from '#shared/runtime/backoff.ts';
import type { Random } from '#shared/runtime/random.ts';
import { backdateMs } from '#shared/x509/issue.ts';

/** When to ask for the next certificate: pure, the agent is its shell. Times are milliseconds since the epoch. */

/** The life of the certificate that is in use. */
export type Validity = Readonly<{ notBefore: number; notAfter: number }>;

/** What the schedule knows. */
export type RenewalState = Readonly<{
  current: Validity | null;
  /** Attempts that failed since the last success. */
  failures: number;
  nextAttemptAt: number;
}>;

/** What happened. */
export type RenewalEvent =
  | Readonly<{ kind: 'issued'; validity: Validity; now: number }>
  /** A certificate from disk, good for as long as it is, but for longer than is asked for (`wantedLifeMs`, 0: any) no more than a stopgap. */
  | Readonly<{ kind: 'kept'; validity: Validity; now: number; wantedLifeMs: number }>
  | Readonly<{ kind: 'failed'; now: number }>
  | Readonly<{ kind: 'expired' }>;

/** Istio's SECRET_GRACE_PERIOD_RATIO and its jitter: 24 h are renewed after 12 h +/- 14 min. */
const graceRatio = 0.5;
const jitterRatio = 0.01;
const retryBaseMs = 500;
const retryMaxMs = 60_000;
/** Without a certificate nothing works: a control plane that has come is found soon. */
const firstRetryMaxMs = 5000;
/** An authority that hands out certificates which are all but expired is not asked more often than this. */
const minPauseMs = 1000;

/** Nothing yet: ask at once. */
export function startRenewal(now: number): RenewalState {
  return { current: null, failures: 0, nextAttemptAt: now };
}

/** The next state. */
export function stepRenewal(state: RenewalState, event: RenewalEvent, random: Random): RenewalState {
  switch (event.kind) {
    case 'issued': {
      const nextAttemptAt = Math.max(renewalAt(event.validity, random), event.now + minPauseMs);
      return { current: event.validity, failures: 0, nextAttemptAt };
    }
    case 'kept': {
      const taken = stepRenewal(state, { ...event, kind: 'issued' }, random);
      const isTooLong = event.wantedLifeMs > 0 && lifeOf(event.validity) > event.wantedLifeMs;
      return isTooLong ? { ...taken, nextAttemptAt: event.now } : taken;
    }
    case 'failed': {
      const failures = state.failures + 1;
      const maxMs = state.current === null ? firstRetryMaxMs : retryMaxMs;
      const delayMs = fullJitterMs(failures, retryBaseMs, maxMs, random);
      return { ...state, failures, nextAttemptAt: event.now + delayMs };
    }
    case 'expired':
      return { ...state, current: null };
  }
}

/**
 * Half of the life before the end, spread so that workloads which started together do not renew together. The time that
 * the certificate was dated back is no part of its life.
 */
function renewalAt(validity: Validity, random: Random): number {
  const ratio = graceRatio + (2 * random() - 1) * jitterRatio;
  return validity.notAfter - Math.max(lifeOf(validity), 0) * ratio;
}

function lifeOf({ notBefore, notAfter }: Validity): number {
  return notAfter - (notBefore + backdateMs);
}
