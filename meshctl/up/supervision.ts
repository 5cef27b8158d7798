/**
 * Which process is started and stopped when, as a pure step: `(state, event) -> [state, effects]`. Waves say the order of starting
 * (a wave begins when all before it is ready), stages the order of stopping. `supervisor.ts` does what the effects say and
 * tells what happened.
 */

/** One process as this file sees it. */
export type ProcessPlan = Readonly<{
  name: string;
  wave: number;
  stopStage: number;
  /** Between SIGTERM and SIGKILL. */
  stopGraceMs: number;
}>;

/** `waiting`: to be started again. `dead`: it ended and is not started again. */
export type Standing = 'down' | 'starting' | 'up' | 'waiting' | 'dead';

type Supervised = Readonly<{
  plan: ProcessPlan;
  standing: Standing;
  /** How often in a row it ended before it was ready. */
  failures: number;
}>;

export type SupervisionState = Readonly<{
  phase: 'starting' | 'running' | 'stopping' | 'stopped';
  restarts: boolean;
  /** The process that cannot be started, once that is given up. */
  gaveUpOn: string | null;
  processes: ReadonlyMap<string, Supervised>;
}>;

export type SupervisionEvent =
  | Readonly<{ kind: 'start' }>
  | Readonly<{ kind: 'ready'; name: string }>
  | Readonly<{ kind: 'exited'; name: string; reason: string }>
  | Readonly<{ kind: 'restart_due'; name: string }>
  | Readonly<{ kind: 'stop' }>
  | Readonly<{ kind: 'stop_overdue'; stage: number }>;

export type SupervisionEffect =
  | Readonly<{ kind: 'spawn'; name: string }>
  | Readonly<{ kind: 'terminate'; name: string }>
  | Readonly<{ kind: 'kill'; name: string }>
  | Readonly<{ kind: 'restart_after'; name: string; delayMs: number }>
  | Readonly<{ kind: 'stop_after'; stage: number; delayMs: number }>
  | Readonly<{ kind: 'died'; name: string; reason: string; willRestart: boolean }>
  | Readonly<{ kind: 'all_ready' }>
  | Readonly<{ kind: 'finished'; gaveUpOn: string | null }>;

type Step = [SupervisionState, SupervisionEffect[]];

const restartDelayMs = 2000;
/** What cannot be started three times will not be started by a fourth. */
const maxFailures = 3;

/** The state before anything runs. */
export function planSupervision(plans: readonly ProcessPlan[], restarts: boolean): SupervisionState {
  const processes = new Map(plans.map((plan) => [plan.name, { plan, standing: 'down' as const, failures: 0 }]));
  return { phase: 'starting', restarts, gaveUpOn: null, processes };
}

/** One step. */
export function stepSupervision(state: SupervisionState, event: SupervisionEvent): Step {
  switch (event.kind) {
    case 'start':
      return startNextWave(state);
    case 'ready':
      return onReady(state, event.name);
    case 'exited':
      return state.phase === 'stopping' ? onStopped(state, event.name) : onDied(state, event.name, event.reason);
    case 'restart_due':
      return standingOf(state, event.name) === 'waiting' ? spawn(state, [event.name]) : [state, []];
    case 'stop':
      return state.phase === 'starting' || state.phase === 'running' ? stopStage(halt(state)) : [state, []];
    case 'stop_overdue':
      return [state, isStopping(state, event.stage) ? aliveOf(state, event.stage).map(kill) : []];
  }
}

/** How many processes serve, and how many there are. */
export function countUp(state: SupervisionState): Readonly<{ up: number; all: number }> {
  const all = [...state.processes.values()];
  return { up: all.filter(({ standing }) => standing === 'up').length, all: all.length };
}

const standingOf = (state: SupervisionState, name: string) => state.processes.get(name)?.standing;
const kill = ({ plan }: Supervised): SupervisionEffect => ({ kind: 'kill', name: plan.name });
const isAlive = ({ standing }: Supervised) => standing === 'starting' || standing === 'up';

function withProcess(state: SupervisionState, name: string, change: Partial<Supervised>): SupervisionState {
  const before = state.processes.get(name);
  if (before === undefined) return state;
  return { ...state, processes: new Map(state.processes).set(name, { ...before, ...change }) };
}

function spawn(state: SupervisionState, names: readonly string[]): Step {
  const next = names.reduce((now, name) => withProcess(now, name, { standing: 'starting' }), state);
  return [next, names.map((name) => ({ kind: 'spawn', name }))];
}

/** Starts the first wave that has not begun, when all before it is ready. */
function startNextWave(state: SupervisionState): Step {
  const all = [...state.processes.values()];
  const wave = Math.min(...all.filter(({ standing }) => standing !== 'up').map(({ plan }) => plan.wave));
  if (wave === Infinity) return [{ ...state, phase: 'running' }, [{ kind: 'all_ready' }]];
  const members = all.filter(({ plan }) => plan.wave === wave);
  return spawn(
    state,
    members.filter(({ standing }) => standing === 'down').map(({ plan }) => plan.name),
  );
}

function onReady(state: SupervisionState, name: string): Step {
  if (standingOf(state, name) !== 'starting') return [state, []];
  const next = withProcess(state, name, { standing: 'up', failures: 0 });
  return state.phase === 'starting' ? startNextWave(next) : [next, []];
}

function onDied(state: SupervisionState, name: string, reason: string): Step {
  const before = state.processes.get(name);
  if (before === undefined || !isAlive(before)) return [state, []];
  const failures = before.standing === 'starting' ? before.failures + 1 : 0;
  const isHopeless = state.restarts ? failures >= maxFailures : state.phase === 'starting' && failures > 0;
  const willRestart = state.restarts && !isHopeless;
  const died: SupervisionEffect = { kind: 'died', name, reason, willRestart };
  const next = withProcess(state, name, { standing: willRestart ? 'waiting' : 'dead', failures });
  if (isHopeless) {
    const [stopping, effects] = stopStage(halt({ ...next, gaveUpOn: name }));
    return [stopping, [died, ...effects]];
  }
  return [next, willRestart ? [died, { kind: 'restart_after', name, delayMs: restartDelayMs }] : [died]];
}

/** Nothing is started any more. */
function halt(state: SupervisionState): SupervisionState {
  const processes = new Map(
    [...state.processes].map(([name, process]) => [
      name,
      isAlive(process) ? process : { ...process, standing: 'down' as const },
    ]),
  );
  return { ...state, phase: 'stopping', processes };
}

const aliveOf = (state: SupervisionState, stage: number) =>
  [...state.processes.values()].filter((process) => process.plan.stopStage === stage && isAlive(process));

/** The stage that is being stopped: the first in which something is alive. */
function currentStage(state: SupervisionState): number {
  return Math.min(...[...state.processes.values()].filter(isAlive).map(({ plan }) => plan.stopStage));
}

const isStopping = (state: SupervisionState, stage: number) =>
  state.phase === 'stopping' && currentStage(state) === stage;

function stopStage(state: SupervisionState): Step {
  const stage = currentStage(state);
  if (stage === Infinity) {
    return [{ ...state, phase: 'stopped' }, [{ kind: 'finished', gaveUpOn: state.gaveUpOn }]];
  }
  const members = aliveOf(state, stage);
  const delayMs = Math.max(...members.map(({ plan }) => plan.stopGraceMs));
  return [
    state,
    [
      ...members.map(({ plan }): SupervisionEffect => ({ kind: 'terminate', name: plan.name })),
      { kind: 'stop_after', stage, delayMs },
    ],
  ];
}

function onStopped(state: SupervisionState, name: string): Step {
  const process = state.processes.get(name);
  if (process === undefined || !isAlive(process)) return [state, []];
  const next = withProcess(state, name, { standing: 'down' });
  return aliveOf(next, process.plan.stopStage).length > 0 ? [next, []] : stopStage(next);
}
