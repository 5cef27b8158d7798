/** Tells the API server what a pod does: one patch at a time, always of the newest state. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, isMissing } from './api.ts';
import { keyOf, type Pod } from './objects.ts';
import type { PodRunner } from './pod-runner.ts';
import { podStatus, type Status } from './pod-status.ts';

const tries = 20;

export class PodReporter {
  readonly #api: Api;
  readonly #pod: Pod;
  readonly #runner: PodRunner;
  readonly #log: (line: string) => void;
  #asked = false;
  #writing: Promise<void> = Promise.resolve();
  #last: Status | undefined;

  constructor(api: Api, pod: Pod, runner: PodRunner, log: (line: string) => void) {
    this.#api = api;
    this.#pod = pod;
    this.#runner = runner;
    this.#log = log;
  }

  changed(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#writing = this.#writing.then(() => this.#write());
  }

  /** When all that was told so far has arrived. */
  flush(): Promise<void> {
    return this.#writing;
  }

  async #write(): Promise<void> {
    this.#asked = false;
    const status = podStatus(this.#pod, this.#runner.progress, this.#last?.conditions ?? []);
    if (JSON.stringify(status) === JSON.stringify(this.#last)) return;
    const { name, namespace, uid } = this.#pod.metadata ?? {};
    for (let attempt = 0; attempt < tries; attempt++) {
      try {
        await this.#api.merge(`/api/v1/namespaces/${namespace}/pods/${name}/status`, { metadata: { uid }, status });
        this.#last = status;
        return;
      } catch (error) {
        if (isMissing(error)) return;
        if (attempt === 0) this.#log(`status of ${keyOf(this.#pod)}: ${String(error)}`);
        await sleep(200);
      }
    }
  }
}
