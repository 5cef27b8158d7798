import type { Readiness } from '#shared/runtime/readiness.ts';

/** How long this process took to be ready for the first time. */
export class TimeToReady {
  #ms: number | null = null;

  /** `uptimeMs`: since the process began. Gates that are to be waited for are registered already. */
  constructor(readiness: Readiness, uptimeMs: () => number, onReady: (ms: number) => void) {
    const look = () => {
      if (this.#ms !== null || !readiness.isReady) return;
      this.#ms = uptimeMs();
      stop();
      onReady(this.#ms);
    };
    const stop = readiness.subscribe(look);
    look();
  }

  /** Milliseconds; null: it is not ready yet. */
  get ms(): number | null {
    return this.#ms;
  }
}
