/** A mesh on this machine from its start to its end: the supervisor's shell, what is said about it, the signals that end it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '#shared/runtime/clock.ts';
import { exitCodes } from '../command-error.ts';
import { inheritedEnvironment } from '../settings.ts';
import { ask } from './ask.ts';
import { local, type ProcessBlueprint } from './blueprint.ts';
import { Child } from './child.ts';
import { portName, type Instance } from './instances.ts';
import { introduce } from './introduction.ts';
import type { Layout } from './layout.ts';
import type { Ports } from './ports.ts';
import { Credentials } from './prepare.ts';
import type { Screen } from './screen.ts';
import { isSettled, type ProxyList } from './settled.ts';
import { Supervisor, type Notice } from './supervisor.ts';
import { MeshWatcher } from './watcher.ts';

/** What a mesh is made of. */
export type MeshParts = Readonly<{
  layout: Layout;
  ports: Ports;
  instances: readonly Instance[];
  blueprints: readonly ProcessBlueprint[];
  screen: Screen;
  startedAtMs: number;
  restarts: boolean;
}>;

/** Traffic waits so long for a mesh at rest, then it begins anyhow. */
const settleWithinMs = 20_000;

/** Starts the processes, and keeps them until a signal or a failure ends them all. */
export class Mesh {
  readonly #parts: MeshParts;
  readonly #credentials: Credentials;
  readonly #supervisor: Supervisor;
  readonly #watcher: MeshWatcher;
  readonly #finished = Promise.withResolvers<number>();
  #stoppingAtMs: number | null = null;

  constructor(parts: MeshParts) {
    this.#parts = parts;
    const { layout, ports, blueprints, restarts } = parts;
    this.#credentials = new Credentials(layout, ports['admin'] ?? 0);
    this.#supervisor = new Supervisor({
      blueprints,
      restarts,
      clock: systemClock,
      launch: (blueprint, onExit) => this.#launch(blueprint, onExit),
      isReady: async ({ readyUrl }) => readyUrl === null || (await ask(readyUrl))?.status === 200,
      notify: (notice) => this.#tell(notice),
    });
    this.#watcher = new MeshWatcher({
      clock: systemClock,
      readMetrics: () => this.#readMetrics(),
      counts: () => this.#supervisor.counts(),
      onStatus: (text) => parts.screen.status(text),
      onFirstOrder: (atMs) => this.#say(`First meshed order after ${seconds(atMs - parts.startedAtMs)}.`),
    });
  }

  /** Runs until everything has ended; gives the exit code. */
  async run(): Promise<number> {
    const stop = () => this.#stop();
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    for (const signal of signals) process.on(signal, stop);
    // Timers of the clock keep no process alive; this does until the end.
    const alive = setInterval(() => undefined, 60_000);
    try {
      this.#supervisor.start();
      return await this.#finished.promise;
    } finally {
      clearInterval(alive);
      for (const signal of signals) process.off(signal, stop);
    }
  }

  #say(text: string): void {
    this.#parts.screen.line(text);
  }

  #stop(): void {
    if (this.#stoppingAtMs !== null) return;
    this.#stoppingAtMs = Date.now();
    this.#watcher.stop();
    this.#parts.screen.endStatus();
    this.#say('Stopping: traffic, services, sidecars, control plane.');
    this.#supervisor.stop();
  }

  async #launch(blueprint: ProcessBlueprint, onExit: (reason: string) => void): Promise<Child> {
    const { layout } = this.#parts;
    if (blueprint.identity !== null) await this.#credentials.provide(instanceName(blueprint), blueprint.identity);
    if (blueprint.output === 'lines') await this.#untilSettled();
    return new Child({
      args: blueprint.args,
      env: {
        ...inheritedEnvironment(),
        // What preload.mjs does for npm scripts.
        NODE_COMPILE_CACHE: join(layout.repository, '.tulle/compile-cache'),
        ...blueprint.env,
      },
      cwd: layout.repository,
      logFile: layout.logOf(blueprint.name),
      onLine: blueprint.output === 'lines' ? (line) => this.#watcher.takeLine(line) : null,
      onExit,
    });
  }

  /** Waits for a mesh at rest, but not for ever, nor for a control plane that is away. */
  async #untilSettled(): Promise<void> {
    const { ports, instances } = this.#parts;
    for (const end = Date.now() + settleWithinMs; Date.now() < end && this.#stoppingAtMs === null; await pause(100)) {
      const answer = await ask(`http://${local(ports, 'admin')}/api/v1/proxies`);
      if (answer?.status !== 200 || isSettled(JSON.parse(answer.body) as ProxyList, instances)) return;
    }
  }

  #tell(notice: Notice): void {
    const { layout, ports, instances, startedAtMs } = this.#parts;
    switch (notice.kind) {
      case 'all_ready':
        this.#say(`Everything is up after ${seconds(Date.now() - startedAtMs)}.`);
        for (const line of introduce(layout, ports, instances)) this.#say(line);
        this.#watcher.start();
        return;
      case 'died':
        this.#say(
          `${notice.name} ended (${notice.reason}), ${notice.willRestart ? 'starting it again in 2 s' : 'it is not started again'}; its log: ${layout.logOf(notice.name)}`,
        );
        return;
      case 'finished':
        this.#finish(notice.gaveUpOn);
    }
  }

  #finish(gaveUpOn: string | null): void {
    this.#watcher.stop();
    if (gaveUpOn === null) {
      const summary = this.#watcher.summary();
      if (summary !== null) this.#say(summary);
      this.#say(`Stopped in ${seconds(Date.now() - (this.#stoppingAtMs ?? Date.now()))}; no process is left.`);
      this.#finished.resolve(exitCodes.ok);
      return;
    }
    this.#say(`${gaveUpOn} cannot be started. The end of its log:`);
    for (const line of lastLines(this.#parts.layout.logOf(gaveUpOn), 15)) this.#say(`  ${line}`);
    this.#finished.resolve(exitCodes.failed);
  }

  async #readMetrics(): Promise<readonly string[]> {
    const { ports, instances } = this.#parts;
    const answers = await Promise.all(
      instances.map(({ name }) => ask(`http://${local(ports, portName(name, 'admin'))}/stats/prometheus`)),
    );
    return answers.flatMap((answer) => (answer?.status === 200 ? [answer.body] : []));
  }
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

/** The instance that a sidecar stands beside. */
const instanceName = ({ name }: ProcessBlueprint) => name.replace(/-sidecar$/, '');

function lastLines(file: string, count: number): readonly string[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count);
}
