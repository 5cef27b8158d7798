/** A sidecar as a process: signals, its successor, and its end. */
import type { Duplex } from 'node:stream';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import { build } from './app.ts';
import type { Sidecar } from './assemble.ts';
import { Generation } from './generation.ts';
import type { Inheritance } from './restart/inheritance.ts';
import type { Successor } from './restart/successor.ts';
import { Watcher } from './restart/watcher.ts';
import type { UpgradeOutcome } from './restart/upgrade.ts';
import { collectAll, ProcessMemory } from './process-memory.ts';
import type { Settings } from './settings.ts';

export type RunOptions = Readonly<{
  settings: Settings;
  logger: Logger;
  inheritance: Inheritance | null;
  environment: Readonly<Record<string, string | undefined>>;
  exit: (exitCode: number) => void;
}>;

/** A signal that comes twice within this time (to a group of processes, and passed on by one of them) was meant once. */
const sameSignalMs = 1000;

class SidecarProcess {
  readonly #options: RunOptions;
  readonly #generation: Generation;
  #sidecar: Sidecar | null = null;
  #successor: Successor | null = null;
  #watcher: Watcher | null = null;
  #stoppingSince: number | null = null;
  #closing: Promise<void> | null = null;
  #isStarting = true;
  /** It listens, or is about to. */
  #mayHaveCallers = false;
  /** A signal that came when it had callers already, but was not wholly there. */
  #early: 'SIGTERM' | 'SIGINT' | null = null;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#generation = new Generation({
      ...options,
      upgradeMs: options.settings.upgradeMs,
      onSuccessor: (successor, line) => void this.#handOver(successor, line),
      onUnwatched: () => this.stop('the process that was started first has ended', true),
    });
    process.once('exit', (code) => this.#generation.end(code));
  }

  async start(): Promise<void> {
    const { settings, logger, exit } = this.#options;
    const generation = this.#generation;
    // Before anything listens: who finds us there may tell us to go.
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#take(signal));
    try {
      this.#sidecar = await build(settings, logger, {
        quit: () => this.stop('quitquitquit', false),
        upgrade: () => this.#upgrade('POST /upgrade'),
        memory: new ProcessMemory((settled) =>
          logger.debug(settled, 'memory that is not needed any more was given back'),
        ),
        sockets: generation.sockets,
        mayListen: async (readiness) => {
          await generation.mayListen(readiness);
          this.#mayHaveCallers = true;
        },
      });
    } catch (error) {
      const reason = describeError(error);
      logger.fatal(`cannot start: ${reason}`);
      generation.failed(reason);
      return exit(1);
    }
    this.#isStarting = false;
    process.on('SIGUSR2', () => this.#take('SIGUSR2'));
    if (this.#early !== null) return this.#take(this.#early);
    await generation.takeOver();
    for (const { name, address, port } of generation.sockets.closeUntaken())
      logger.info({ listener: name, address, port }, 'the configuration has this listener no more');
    // What the predecessor opened meanwhile is free now.
    await this.#sidecar.listen();
    const listeners = Object.fromEntries(this.#sidecar.listeners());
    logger.info({ admin: this.#sidecar.admin, listeners }, 'sidecar is up');
  }

  /** Once a successor is watched, signals are for that; one that reaches a process which has just been followed is passed on. */
  #take(signal: 'SIGTERM' | 'SIGINT' | 'SIGUSR2'): void {
    if (this.#watcher !== null) return this.#watcher.signal(signal);
    if (this.#isStarting && this.#mayHaveCallers && signal !== 'SIGUSR2') {
      this.#early = signal;
      return;
    }
    this.#successor?.signal(signal);
    if (signal !== 'SIGUSR2') this.stop(signal, true);
    else if (this.#successor === null) void this.#upgrade(signal);
  }

  stop(reason: string, isGraceful: boolean): void {
    const { logger, exit } = this.#options;
    if (this.#stoppingSince !== null) {
      // Whoever says that all is done need not be waited for.
      if (!isGraceful) this.#end(Promise.resolve());
      else if (performance.now() - this.#stoppingSince > sameSignalMs) exit(1);
      return;
    }
    this.#stoppingSince = performance.now();
    this.#generation.upgrade.stop('this process is stopping');
    logger.info({ reason }, isGraceful ? 'draining' : 'stopping');
    this.#end(isGraceful ? (this.#sidecar?.drain() ?? Promise.resolve()) : Promise.resolve());
  }

  /** Closes when that has come to pass, and ends the process. */
  #end(ready: Promise<void>): void {
    const { logger, exit } = this.#options;
    ready
      .then(() => (this.#closing ??= this.#sidecar?.close() ?? Promise.resolve()))
      .then(
        () => exit(0),
        (error: unknown) => {
          logger.error({ error }, 'stopping failed');
          exit(1);
        },
      );
  }

  async #upgrade(asked: string): Promise<UpgradeOutcome> {
    const { logger } = this.#options;
    logger.info({ asked }, 'starting a successor');
    const outcome = await this.#generation.upgrade.run();
    if (outcome.kind !== 'serving') logger.error({ reason: outcome.reason }, 'no upgrade: this process goes on');
    return outcome;
  }

  async #handOver(successor: Successor, line: Duplex | null): Promise<void> {
    const { logger, exit } = this.#options;
    const { pid } = successor;
    logger.info({ pid }, 'a successor serves: finishing what is under way');
    this.#successor = successor;
    if (line !== null) {
      this.#watcher = new Watcher(line, pid);
      void this.#watcher.ended.then(exit);
    }
    try {
      await this.#sidecar?.handOver(() => {
        successor.release();
        this.#generation.letGo();
      });
      if (this.#stoppingSince !== null) return;
      await this.#sidecar?.close();
    } catch (error) {
      logger.error({ error }, 'finishing failed');
    }
    if (this.#watcher === null) return exit(0);
    this.#sidecar = null;
    logger.info({ pid: this.#watcher.pid }, 'all is done here: watching the successor');
    collectAll();
  }
}

/** Runs a sidecar until `exit` is called. */
export function run(options: RunOptions): Promise<void> {
  return new SidecarProcess(options).start();
}
