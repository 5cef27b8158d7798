/** The probes of one run of a container: when they are tried, and how many tries in a row change what they say. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Probe } from './objects.ts';
import { type Target, tryProbe } from './probe.ts';

/** What a probe says, and how many tries in a row said otherwise. */
export type Verdict = Readonly<{ ok: boolean; against: number }>;

/** The verdict after one more try. */
export function afterTry({ ok, against }: Verdict, passed: boolean, probe: Probe): Verdict {
  if (passed === ok) return { ok, against: 0 };
  const needed = passed ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  return against + 1 >= needed ? { ok: passed, against: 0 } : { ok, against: against + 1 };
}

export type Listener = Readonly<{
  started: () => void;
  ready: (ready: boolean) => void;
  /** A startup or liveness probe has failed for good: the container is to be restarted. */
  failed: (why: string) => void;
}>;

/** Tries probes until it is closed: the startup probe first, then liveness and readiness side by side. */
export class Prober {
  readonly #target: Target;
  readonly #listener: Listener;
  readonly #abort = new AbortController();

  constructor(target: Target, listener: Listener) {
    this.#target = target;
    this.#listener = listener;
    void this.#run();
  }

  close(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { startupProbe, livenessProbe, readinessProbe } = this.#target.container;
    if (startupProbe !== undefined && !(await this.#startup(startupProbe))) return;
    this.#listener.started();
    if (readinessProbe === undefined) this.#listener.ready(true);
    else void this.#follow(readinessProbe, false, ({ ok }) => this.#listener.ready(ok));
    if (livenessProbe === undefined) return;
    void this.#follow(livenessProbe, true, ({ ok }, why) => {
      if (!ok) this.#listener.failed(`liveness: ${why}`);
    });
  }

  /** Whether the container has started; the listener is told if it never will. */
  async #startup(probe: Probe): Promise<boolean> {
    let failures = 0;
    return this.#tries(probe, (why) => {
      if (why === undefined) return true;
      failures++;
      if (failures < (probe.failureThreshold ?? 3)) return undefined;
      this.#listener.failed(`startup: ${why}`);
      return false;
    });
  }

  async #follow(probe: Probe, ok: boolean, changed: (verdict: Verdict, why: string) => void): Promise<void> {
    let verdict: Verdict = { ok, against: 0 };
    await this.#tries(probe, (why) => {
      const next = afterTry(verdict, why === undefined, probe);
      const turned = next.ok !== verdict.ok;
      verdict = next;
      if (turned) changed(verdict, why ?? '');
      return undefined;
    });
  }

  /** Tries until `judge` has an answer; false when closed. */
  async #tries(probe: Probe, judge: (why: string | undefined) => boolean | undefined): Promise<boolean> {
    const { signal } = this.#abort;
    const wait = (seconds: number) => sleep(seconds * 1000, undefined, { signal }).catch(() => undefined);
    if ((probe.initialDelaySeconds ?? 0) > 0) await wait(probe.initialDelaySeconds ?? 0);
    while (!signal.aborted) {
      const why = await tryProbe(probe, this.#target);
      if (signal.aborted) return false;
      const answer = judge(why);
      if (answer !== undefined) return answer;
      await wait(probe.periodSeconds ?? 10);
    }
    return false;
  }
}
