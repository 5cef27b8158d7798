/** One container of a pod through all of its runs: started, probed, restarted by its policy, stopped with its hooks and in its time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerProcess, Exit } from './container.ts';
import type { Container, Hook } from './objects.ts';
import type { ContainerState, RunState } from './pod-status.ts';
import { httpGet, type Target } from './probe.ts';
import { Prober } from './prober.ts';

export type RunnerSettings = Readonly<{
  container: Container;
  ip: string;
  /** Starts a run. Throws when the container cannot be made (its image, its references). */
  launch: () => Promise<ContainerProcess>;
  restart: 'Always' | 'OnFailure' | 'Never';
  /** The pod's, for stops that its probes ask for. */
  graceSeconds: number;
  changed: () => void;
}>;

/** First wait before a restart, doubled each time. A kubelet's is 10 s; tests have less patience. */
const firstBackoffMs = 500;
const maxBackoffMs = 10_000;
/** What a container has at least between SIGTERM and SIGKILL, however little of the pod's time is left. */
const minGraceMs = 2000;

export class ContainerRunner {
  readonly #settings: RunnerSettings;
  readonly #stopping = new AbortController();
  readonly #begun = Promise.withResolvers<void>();
  readonly #started = Promise.withResolvers<void>();
  #state: ContainerState;
  #process: ContainerProcess | undefined;
  #prober: Prober | undefined;
  /** Ends with the last run; how that ended, undefined if there never was one. */
  readonly done: Promise<Exit | undefined>;

  constructor(settings: RunnerSettings) {
    this.#settings = settings;
    this.#state = { run: waiting('ContainerCreating'), restarts: 0, started: false, ready: false, id: '' };
    this.done = this.#runs().finally(() => {
      this.#begun.resolve();
      this.#started.resolve();
    });
  }

  get name(): string {
    return this.#settings.container.name;
  }

  get state(): ContainerState {
    return this.#state;
  }

  /** The process of the current run. */
  get process(): ContainerProcess | undefined {
    return this.#process;
  }

  /** When the first run is there and its postStart hook over; the next container may then be started. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** When its startup probe has passed, or it has ended for good. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** preStop, then SIGTERM when it is `turn`, SIGKILL at the deadline (a clock's milliseconds). No run comes after. */
  async stop(deadline: number, turn: Promise<unknown> = Promise.resolve()): Promise<void> {
    const again = this.#stopping.signal.aborted;
    this.#stopping.abort();
    const { process } = this;
    if (process !== undefined && !again) await this.#end(process, deadline, turn);
    await this.done;
  }

  async #end(process: ContainerProcess, deadline: number, turn: Promise<unknown>): Promise<void> {
    const left = () => deadline - Date.now();
    const hook = this.#settings.container.lifecycle?.preStop;
    if (hook !== undefined && left() > 0) await Promise.race([this.#hook(process, hook, left()), process.exited]);
    await within(turn, left());
    process.signal('SIGTERM');
    await within(process.exited, Math.max(left(), minGraceMs));
    process.signal('SIGKILL');
    await process.exited;
  }

  async #runs(): Promise<Exit | undefined> {
    const { restart } = this.#settings;
    const { signal } = this.#stopping;
    let backoffMs = firstBackoffMs;
    let exit: Exit | undefined;
    while (!signal.aborted) {
      const process = await this.#launch();
      exit = process === undefined ? exit : await this.#follow(process);
      const over = process !== undefined && (restart === 'Never' || (restart === 'OnFailure' && exit?.code === 0));
      if (over || signal.aborted) break;
      if (process !== undefined)
        this.#set({ run: waiting('CrashLoopBackOff'), last: this.#state.run, restarts: this.#state.restarts + 1 });
      await sleep(backoffMs, undefined, { signal }).catch(() => undefined);
      backoffMs = Math.min(backoffMs * 2, maxBackoffMs);
    }
    return exit;
  }

  async #launch(): Promise<ContainerProcess | undefined> {
    try {
      return await this.#settings.launch();
    } catch (error) {
      const reason =
        error instanceof Error && error.name === 'ImageError' ? 'ErrImagePull' : 'CreateContainerConfigError';
      this.#set({ run: { kind: 'waiting', reason, message: String(error) } });
      return undefined;
    }
  }

  async #follow(process: ContainerProcess): Promise<Exit> {
    const startedAt = timestamp();
    this.#process = process;
    this.#set({ run: { kind: 'running', startedAt }, id: `${process.pid}` });
    void this.#afterStart(process);
    const exit = await process.exited;
    this.#process = undefined;
    this.#prober?.close();
    const reason = exit.code === 0 ? 'Completed' : 'Error';
    const run: RunState = { kind: 'ended', reason, exitCode: exit.code, startedAt, finishedAt: timestamp() };
    this.#set({ run, started: false, ready: false });
    return exit;
  }

  async #afterStart(process: ContainerProcess): Promise<void> {
    const hook = this.#settings.container.lifecycle?.postStart;
    const failure = hook === undefined ? undefined : await this.#hook(process, hook, 600_000);
    this.#begun.resolve();
    if (this.#process !== process || this.#stopping.signal.aborted) return;
    if (failure !== undefined) return this.#restart(process);
    this.#prober = new Prober(this.#target(process), {
      started: () => {
        this.#set({ started: true });
        this.#started.resolve();
      },
      ready: (ready) => this.#set({ ready }),
      failed: () => void this.#restart(process),
    });
  }

  /** Ends this run; the policy decides about the next. */
  async #restart(process: ContainerProcess): Promise<void> {
    this.#prober?.close();
    await this.#end(process, Date.now() + this.#settings.graceSeconds * 1000, Promise.resolve());
  }

  /** Why a hook failed; undefined when it did not. */
  async #hook(process: ContainerProcess, hook: Hook, timeoutMs: number): Promise<string | undefined> {
    try {
      if (hook.exec !== undefined) {
        const { code, output } = await process.exec(hook.exec.command ?? [], timeoutMs);
        return code === 0 ? undefined : output;
      }
      if (hook.httpGet !== undefined) return await httpGet(hook.httpGet, this.#target(process), timeoutMs);
      if (hook.sleep !== undefined) await within(process.exited, Math.min(hook.sleep.seconds * 1000, timeoutMs));
      return undefined;
    } catch (error) {
      return String(error);
    }
  }

  #target(process: ContainerProcess): Target {
    const { ip, container } = this.#settings;
    return { ip, container, exec: (command, timeoutMs) => process.exec(command, timeoutMs) };
  }

  #set(change: Partial<ContainerState>): void {
    this.#state = { ...this.#state, ...change };
    this.#settings.changed();
  }
}

const waiting = (reason: string): RunState => ({ kind: 'waiting', reason });

/** The API server takes whole seconds. */
export const timestamp = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

/** Waits for a promise, but not longer than this. */
export async function within(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  const timer = Promise.withResolvers<void>();
  const handle = setTimeout(timer.resolve, Math.max(milliseconds, 0));
  await Promise.race([promise, timer.promise]);
  clearTimeout(handle);
}
