/**
 * The memory of what one kind of objects is listed and watched by, pure: `(state, event) -> [state, effects]`. As client-go's reflector:
 * list in pages, watch from the version of the list with bookmarks, go on from the last version heard when a watch ends, list anew when
 * the server has forgotten that version. Beyond it: every retry waits with full jitter, a watch on which nothing is heard is given up
 * (bookmarks come once a minute), and who is without a connection for long says so.
 *
 *   locating --located--> listing --last page--> watching --ended, failed--> waiting --due--> watching
 *      ^   absent            ^                      |  expired                  |
 *      +---- waiting         +----------------------+---------------------------+
 */
import { fullJitterMs } from '#shared/runtime/backoff.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { ReflectorSettings } from './reflector-settings.ts';

/** What is being done; `resourceVersion` is where a watch goes on. */
type Phase =
  | Readonly<{ kind: 'locating' }>
  | Readonly<{ kind: 'listing' }>
  | Readonly<{ kind: 'watching'; resourceVersion: string; openedAtMs: number | null }>
  | Readonly<{ kind: 'waiting'; next: 'locate' | 'list' | Readonly<{ watchFrom: string }> }>;

export type ReflectorState = Readonly<{
  phase: Phase;
  /** Whether everything was listed once, so that what is known is the truth of some moment. */
  hasListed: boolean;
  /** Failures in a row; and how often in a row a list was too old for a watch before that could begin. */
  failures: number;
  expiries: number;
  /** Why the last try failed; null while all is well. */
  problem: string | null;
  /** When the server last said anything. */
  heardAtMs: number;
  /** Since when there is no watch; null while there is one. */
  lostAtMs: number | null;
  /** It was said that what is known may be old. */
  isStale: boolean;
  /** Since when the server does not have the kind; null when it does. */
  absentSinceMs: number | null;
}>;

export type ReflectorEvent = Readonly<{ atMs: number }> &
  Readonly<
    | { kind: 'started' | 'located' | 'absent' | 'opened' | 'ended' | 'due' | 'tick' | 'refresh' }
    /** A page of a list; an empty token: it is the last one. */
    | { kind: 'page'; token: string; resourceVersion: string }
    /** An object or a bookmark of the watch. */
    | { kind: 'heard'; resourceVersion: string }
    /** `expired`: the server has forgotten the version or token; `gone`: it does not have the kind any more. */
    | { kind: 'failed'; reason: 'expired' | 'gone' | 'other'; message: string }
  >;

export type ReflectorEffect = Readonly<
  | { kind: 'locate' }
  /** An empty token: the first page. */
  | { kind: 'list'; token: string }
  | { kind: 'watch'; resourceVersion: string; timeoutSeconds: number }
  | { kind: 'wait'; ms: number }
  /** Ends the request that is under way, if there is one: nothing more is to be heard of it. */
  | { kind: 'abort' }
  /** The list is whole: what is not in it is gone. */
  | { kind: 'synced' }
  /** The kind is gone for good: all its objects are. */
  | { kind: 'forget' }
  | { kind: 'log'; level: 'info' | 'warn'; message: string }
>;

/** The server ends watches after a time between these, so that those of many replicas do not end together (client-go: 5 to 10 minutes). */
const watchSeconds = { min: 300, max: 600 };

export const idleReflector: ReflectorState = {
  phase: { kind: 'locating' },
  hasListed: false,
  failures: 0,
  expiries: 0,
  problem: null,
  heardAtMs: 0,
  lostAtMs: null,
  isStale: false,
  absentSinceMs: null,
};

type Step = readonly [ReflectorState, readonly ReflectorEffect[]];
type Context = Readonly<{ random: Random; settings: ReflectorSettings }>;

/** One step. */
export function stepReflector(state: ReflectorState, event: ReflectorEvent, context: Context): Step {
  switch (event.kind) {
    case 'started':
      return locate({ ...state, heardAtMs: event.atMs, lostAtMs: event.atMs });
    case 'located':
      return list(
        { ...lose(state, event.atMs, context), absentSinceMs: null, heardAtMs: event.atMs },
        foundAgain(state),
      );
    case 'absent':
      return isAbsent(state, event.atMs, context);
    case 'page':
      return takePage({ ...state, heardAtMs: event.atMs }, event, context);
    case 'opened':
      return opened(state, event.atMs);
    case 'heard':
      return heard(state, event);
    case 'ended':
      return ended(state, event.atMs, context);
    case 'failed':
      return failed(lose(state, event.atMs, context), event, context);
    case 'due':
      return due(state, context);
    case 'refresh':
      return refresh(state, event.atMs, context);
    case 'tick':
      return tick(state, event.atMs, context);
  }
}

const locate = (state: ReflectorState): Step => [{ ...state, phase: { kind: 'locating' } }, [{ kind: 'locate' }]];

const list = (state: ReflectorState, before: readonly ReflectorEffect[] = []): Step => [
  { ...state, phase: { kind: 'listing' } },
  [...before, { kind: 'list', token: '' }],
];

function watch(state: ReflectorState, resourceVersion: string, { random }: Context): Step {
  const timeoutSeconds = Math.floor(watchSeconds.min + random() * (watchSeconds.max - watchSeconds.min));
  return [
    { ...state, phase: { kind: 'watching', resourceVersion, openedAtMs: null } },
    [{ kind: 'watch', resourceVersion, timeoutSeconds }],
  ];
}

function foundAgain(state: ReflectorState): readonly ReflectorEffect[] {
  return state.absentSinceMs === null ? [] : [{ kind: 'log', level: 'info', message: 'is there now' }];
}

/** A kind that is not installed counts as listed: there is nothing of it. One that was there may only be slow to come back. */
function isAbsent(state: ReflectorState, atMs: number, { random, settings }: Context): Step {
  const since = state.absentSinceMs ?? atMs;
  const wait: ReflectorEffect = { kind: 'wait', ms: Math.floor(settings.absentRetryMs * (0.5 + random() / 2)) };
  const next: ReflectorState = {
    ...state,
    phase: { kind: 'waiting', next: 'locate' },
    failures: 0,
    problem: null,
    absentSinceMs: since,
    heardAtMs: atMs,
    lostAtMs: null,
    isStale: false,
  };
  if (!state.hasListed) {
    const message = 'is not installed: it is looked for again';
    return [{ ...next, hasListed: true }, [{ kind: 'log', level: 'info', message }, { kind: 'synced' }, wait]];
  }
  if (state.absentSinceMs === null) {
    const message = 'is not served any more: what is known of it holds until it is sure to be gone';
    return [next, [{ kind: 'log', level: 'warn', message }, wait]];
  }
  const isSure = atMs - since >= settings.forgetMs && since !== forgotten;
  return isSure ? [{ ...next, absentSinceMs: forgotten }, [{ kind: 'forget' }, wait]] : [next, [wait]];
}

/** Stands for the time since which a kind is missing once its objects were forgotten. */
const forgotten = -1;

function takePage(
  state: ReflectorState,
  { token, resourceVersion }: Readonly<{ token: string; resourceVersion: string }>,
  context: Context,
): Step {
  if (token !== '') return [state, [{ kind: 'list', token }]];
  const [next, effects] = watch({ ...state, hasListed: true, failures: 0, problem: null }, resourceVersion, context);
  return [next, [{ kind: 'synced' }, ...effects]];
}

/** An answer alone proves nothing: a server that was away answers with 200, and then says that it has forgotten the version. */
function opened(state: ReflectorState, atMs: number): Step {
  if (state.phase.kind !== 'watching') return [state, []];
  return [{ ...state, phase: { ...state.phase, openedAtMs: atMs }, heardAtMs: atMs }, []];
}

function heard(state: ReflectorState, event: Readonly<{ atMs: number; resourceVersion: string }>): Step {
  if (state.phase.kind !== 'watching') return [state, []];
  const { resourceVersion } = event;
  return works({ ...state, phase: { ...state.phase, resourceVersion }, heardAtMs: event.atMs }, event.atMs);
}

/** The watch works: it tells objects, or has lived for a while. */
function works(state: ReflectorState, atMs: number): Step {
  const next: ReflectorState = { ...state, failures: 0, expiries: 0, problem: null, lostAtMs: null, isStale: false };
  if (!state.isStale) return [next, []];
  const seconds = Math.round((atMs - (state.lostAtMs ?? atMs)) / 1000);
  return [next, [{ kind: 'log', level: 'info', message: `is watched again after ${seconds} s` }]];
}

/** The server ended a watch, as it does after its time: it is gone on at once, unless it was hardly begun. */
function ended(state: ReflectorState, atMs: number, context: Context): Step {
  const { phase } = state;
  if (phase.kind !== 'watching') return [state, []];
  const lived = phase.openedAtMs === null ? 0 : atMs - phase.openedAtMs;
  if (lived >= context.settings.minLifeMs) {
    return watch(lose(state, atMs, context), phase.resourceVersion, context);
  }
  return failed(lose(state, atMs, context), { reason: 'other', message: 'the watch ended at once' }, context);
}

/** The watch is over. One that lived for a while has made up for the failures before it. */
function lose(state: ReflectorState, atMs: number, { settings }: Context): ReflectorState {
  const openedAtMs = state.phase.kind === 'watching' ? state.phase.openedAtMs : null;
  const hasLived = openedAtMs !== null && atMs - openedAtMs >= settings.minLifeMs;
  return { ...state, lostAtMs: state.lostAtMs ?? atMs, failures: hasLived ? 0 : state.failures };
}

function failed(
  state: ReflectorState,
  { reason, message }: Readonly<{ reason: 'expired' | 'gone' | 'other'; message: string }>,
  { random, settings }: Context,
): Step {
  const failures = state.failures + 1;
  const expiries = state.expiries + Number(reason === 'expired');
  const { phase } = state;
  const next = reason === 'gone' ? 'locate' : reason === 'expired' ? 'list' : afterFailure(phase);
  const waiting: ReflectorState = { ...state, phase: { kind: 'waiting', next }, failures, expiries, problem: message };
  // A server that answers at all is listed at once, the first time; so is looked for what is gone.
  const tries = reason === 'expired' ? expiries : failures;
  const isFirst = reason !== 'other' && tries === 1;
  const { baseMs, maxMs } = settings.backoff;
  return [waiting, [{ kind: 'wait', ms: isFirst ? 0 : fullJitterMs(tries, baseMs, maxMs, random) }]];
}

function afterFailure(phase: Phase): 'locate' | 'list' | Readonly<{ watchFrom: string }> {
  switch (phase.kind) {
    case 'locating':
      return 'locate';
    case 'listing':
      return 'list';
    case 'watching':
      return { watchFrom: phase.resourceVersion };
    case 'waiting':
      return phase.next;
  }
}

function due(state: ReflectorState, context: Context): Step {
  if (state.phase.kind !== 'waiting') return [state, []];
  const { next } = state.phase;
  if (next === 'locate') return locate(state);
  return next === 'list' ? list(state) : watch(state, next.watchFrom, context);
}

/** Lists anew whatever is known. A kind that is not there is left alone. */
function refresh(state: ReflectorState, atMs: number, context: Context): Step {
  const isPlaced = state.phase.kind !== 'locating' && state.absentSinceMs === null;
  return isPlaced ? list(lose(state, atMs, context), [{ kind: 'abort' }]) : [state, []];
}

/** Looks at the time: gives up a silent watch, and says when what is known may be old. */
function tick(state: ReflectorState, atMs: number, context: Context): Step {
  const { settings } = context;
  const { phase } = state;
  if (phase.kind === 'watching' && phase.openedAtMs !== null) {
    if (atMs - state.heardAtMs >= settings.silentMs) return silent(state, phase.resourceVersion, { ...context, atMs });
    if (state.lostAtMs !== null && atMs - phase.openedAtMs >= settings.minLifeMs) return works(state, atMs);
  }
  if (state.isStale || state.lostAtMs === null || atMs - state.lostAtMs < settings.staleMs) return [state, []];
  const since = `since ${Math.round((atMs - state.lostAtMs) / 1000)} s`;
  const message = `cannot be watched ${since} (${state.problem ?? 'no answer'}): what is known stays in force and may be old`;
  return [{ ...state, isStale: true }, [{ kind: 'log', level: 'warn', message }]];
}

/** Bookmarks come once a minute: a watch without a word is dead, whatever its connection looks like. */
function silent(
  state: ReflectorState,
  resourceVersion: string,
  { atMs, ...context }: Context & Readonly<{ atMs: number }>,
): Step {
  const seconds = Math.round((atMs - state.heardAtMs) / 1000);
  const lost = { ...state, lostAtMs: state.heardAtMs, isStale: true, problem: `nothing heard for ${seconds} s` };
  const [next, effects] = watch(lost, resourceVersion, context);
  const message = `nothing was heard for ${seconds} s: watched anew, until then what is known may be old`;
  return [next, [{ kind: 'abort' }, { kind: 'log', level: 'warn', message }, ...effects]];
}
