/** Runs what `supervision.ts` decides: starts, asks for readiness, signals and keeps the timers. It holds no rules of its own. */
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { ProcessBlueprint } from './blueprint.ts';
import {
  countUp,
  planSupervision,
  stepSupervision,
  type SupervisionEffect,
  type SupervisionEvent,
  type SupervisionState,
} from './supervision.ts';

/** A process that runs. */
export type RunningProcess = Readonly<{ signal: (signal: 'SIGTERM' | 'SIGKILL') => void }>;

/** What happened that a user wants to know. */
export type Notice = Extract<SupervisionEffect, { kind: 'died' | 'all_ready' | 'finished' }>;

export type SupervisorOptions = Readonly<{
  blueprints: readonly ProcessBlueprint[];
  restarts: boolean;
  clock: Clock;
  /** Makes ready what a process needs, and starts it. `onExit` is called once. */
  launch: (blueprint: ProcessBlueprint, onExit: (reason: string) => void) => Promise<RunningProcess>;
  /** Whether a process that runs serves. */
  isReady: (blueprint: ProcessBlueprint) => Promise<boolean>;
  notify: (notice: Notice) => void;
}>;

/** One life of a process. */
type Run = { process: RunningProcess | null; ended: boolean; unwanted: boolean };

const readyPollMs = 100;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #blueprints: ReadonlyMap<string, ProcessBlueprint>;
  readonly #runs = new Map<string, Run>();
  #state: SupervisionState;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#blueprints = new Map(options.blueprints.map((blueprint) => [blueprint.name, blueprint]));
    this.#state = planSupervision(options.blueprints, options.restarts);
  }

  start(): void {
    this.#tell({ kind: 'start' });
  }

  /** Stops everything in order; the notice `finished` follows. */
  stop(): void {
    this.#tell({ kind: 'stop' });
  }

  /** How many processes serve, and how many there are. */
  counts(): Readonly<{ up: number; all: number }> {
    return countUp(this.#state);
  }

  #tell(event: SupervisionEvent): void {
    const [state, effects] = stepSupervision(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: SupervisionEffect): void {
    const { clock, notify } = this.#options;
    switch (effect.kind) {
      case 'spawn':
        void this.#launch(effect.name);
        return;
      case 'terminate':
        this.#signal(effect.name, 'SIGTERM');
        return;
      case 'kill':
        this.#signal(effect.name, 'SIGKILL');
        return;
      case 'restart_after':
        clock.after(effect.delayMs, () => this.#tell({ kind: 'restart_due', name: effect.name }));
        return;
      case 'stop_after':
        clock.after(effect.delayMs, () => this.#tell({ kind: 'stop_overdue', stage: effect.stage }));
        return;
      case 'died':
      case 'all_ready':
      case 'finished':
        notify(effect);
    }
  }

  async #launch(name: string): Promise<void> {
    const blueprint = this.#blueprints.get(name);
    if (blueprint === undefined) return;
    const run: Run = { process: null, ended: false, unwanted: false };
    this.#runs.set(name, run);
    const end = (reason: string) => {
      if (run.ended) return;
      run.ended = true;
      this.#tell({ kind: 'exited', name, reason });
    };
    try {
      run.process = await this.#options.launch(blueprint, end);
    } catch (error) {
      end(describeError(error));
      return;
    }
    // It was to be stopped while it was still being made ready.
    if (run.unwanted) run.process.signal('SIGKILL');
    this.#pollReadiness(blueprint, run);
  }

  #pollReadiness(blueprint: ProcessBlueprint, run: Run): void {
    const again = () => this.#options.clock.after(readyPollMs, () => this.#pollReadiness(blueprint, run));
    if (run.ended || run.unwanted) return;
    this.#options.isReady(blueprint).then((isReady) => {
      if (run.ended || run.unwanted) return;
      if (isReady) this.#tell({ kind: 'ready', name: blueprint.name });
      else again();
    }, again);
  }

  #signal(name: string, signal: 'SIGTERM' | 'SIGKILL'): void {
    const run = this.#runs.get(name);
    if (run === undefined || run.ended) return;
    run.unwanted = true;
    run.process?.signal(signal);
  }
}
