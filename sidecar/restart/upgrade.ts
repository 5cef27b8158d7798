/**
 * An upgrade as the sidecar in charge sees it: a successor is started, becomes ready, begins to listen on the same sockets, and only
 * then this process lets go of them. Whatever goes wrong before, the successor is killed and this one serves on as if nothing were.
 *
 *   idle -> starting -> (ready: go) -> (serving) -> done
 *    ^--------- failed, ended, too late ---'
 */
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { SuccessorMessage } from './messages.ts';

/** A successor that was started. */
export interface SuccessorProcess {
  readonly pid: number;
  /** Tells it to begin to listen. */
  go(): void;
  /** Ends it at once. */
  kill(): void;
}

/** Who hears of a successor. Nothing is called before `start` has returned. */
export interface SuccessorHandler {
  onMessage(message: SuccessorMessage): void;
  /** It has ended, or could not be started. `how`: `exit code 1`, `SIGKILL`, or the system's error. */
  onEnd(how: string): void;
}

/** How an upgrade went. `refused`: nothing was tried. */
export type UpgradeOutcome =
  | Readonly<{ kind: 'serving'; pid: number }>
  | Readonly<{ kind: 'refused'; reason: string }>
  | Readonly<{ kind: 'failed'; reason: string }>;

export type UpgradeOptions = Readonly<{
  start: (handler: SuccessorHandler) => SuccessorProcess;
  clock: Clock;
  /** From the start to the end of an upgrade, at most. */
  timeoutMs: number;
  /** The successor serves: this process lets go. */
  onServing: (successor: SuccessorProcess) => void;
  /** There is no successor, after all. */
  onFailed: () => void;
}>;

type Attempt = {
  process: SuccessorProcess | null;
  awaited: readonly string[];
  settle: (outcome: UpgradeOutcome) => void;
};

export class Upgrade {
  readonly #options: UpgradeOptions;
  #attempt: Attempt | null = null;
  /** Why none is begun. */
  #refusal: string | null = null;

  constructor(options: UpgradeOptions) {
    this.#options = options;
  }

  /** Runs an upgrade to its end. A second one meanwhile, or after this process has let go, is refused. */
  async run(): Promise<UpgradeOutcome> {
    if (this.#refusal !== null) return { kind: 'refused', reason: this.#refusal };
    if (this.#attempt !== null) {
      const pid = this.#attempt.process?.pid ?? 0;
      return { kind: 'refused', reason: `an upgrade is under way already: process ${pid} is starting` };
    }
    const { promise, resolve } = Promise.withResolvers<UpgradeOutcome>();
    const attempt: Attempt = { process: null, awaited: [], settle: resolve };
    this.#attempt = attempt;
    const cancelTimeout = this.#options.clock.after(this.#options.timeoutMs, () => this.#fail(this.#tooLate(attempt)));
    this.#start(attempt);
    const outcome = await promise;
    cancelTimeout();
    return outcome;
  }

  /** This process ends, so that a successor that is not done yet is killed, and no other is started. */
  stop(reason: string): void {
    if (this.#refusal !== null) return;
    this.#fail(reason);
    this.#refusal = reason;
  }

  #start(attempt: Attempt): void {
    const isCurrent = () => this.#attempt === attempt;
    try {
      attempt.process = this.#options.start({
        onMessage: (message) => {
          if (isCurrent()) this.#take(attempt, message);
        },
        onEnd: (how) => {
          if (isCurrent()) this.#fail(`the successor ended before it served: ${how}`);
        },
      });
    } catch (error) {
      this.#fail(`the successor cannot be started: ${describeError(error)}`);
    }
  }

  #take(attempt: Attempt, message: SuccessorMessage): void {
    const { process } = attempt;
    if (process === null) return;
    switch (message.kind) {
      case 'waits':
        attempt.awaited = message.awaited;
        return;
      case 'ready':
        attempt.awaited = [];
        process.go();
        return;
      case 'failed':
        this.#fail(`the successor cannot serve: ${message.reason}`);
        return;
      case 'serving':
        this.#attempt = null;
        this.#refusal = `process ${process.pid} has taken over`;
        this.#options.onServing(process);
        attempt.settle({ kind: 'serving', pid: process.pid });
    }
  }

  #fail(reason: string): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    this.#attempt = null;
    attempt.process?.kill();
    this.#options.onFailed();
    attempt.settle({ kind: 'failed', reason });
  }

  #tooLate({ awaited }: Attempt): string {
    const what = awaited.length === 0 ? '' : `; it waits for ${awaited.join(', ')}`;
    return `the successor did not serve within ${this.#options.timeoutMs / 1000} s${what}`;
  }
}
