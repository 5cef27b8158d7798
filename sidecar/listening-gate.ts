/**
 * Readiness waits until the sidecar listens where the kernel leads connections to: before that they are refused, and an application that
 * starts then has no network. A port that somebody else still has is tried again; other listeners, which the configuration names, are not
 * waited for, for a bad one may not keep a pod from serving.
 */
import type { Clock } from '#shared/runtime/clock.ts';
import type { Readiness } from '#shared/runtime/readiness.ts';
import type { DataPlane } from './data-plane.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

export type ListeningGateOptions = Readonly<{
  readiness: Readiness;
  clock: Clock;
  dataPlane: Pick<DataPlane, 'addresses' | 'listen'>;
  /** What is in force. */
  listeners: () => Snapshot['listeners'];
}>;

const tryAgainMs = 1000;

export class ListeningGate {
  readonly #options: ListeningGateOptions;
  readonly #open: () => void;
  #isTrying = false;
  #isClosed = false;

  constructor(options: ListeningGateOptions) {
    this.#options = options;
    this.#open = options.readiness.gate('listeners');
  }

  /** To be called whenever it was tried to listen. */
  check(): void {
    const { dataPlane, listeners } = this.#options;
    const bound = dataPlane.addresses();
    const wanted = [...listeners()].filter(([, { bindToPort, useOriginalDst }]) => bindToPort && useOriginalDst);
    if (listeners().size === 0 || this.#isClosed) return;
    if (wanted.every(([name]) => bound.has(name))) return this.#open();
    this.#tryAgain();
  }

  close(): void {
    this.#isClosed = true;
  }

  #tryAgain(): void {
    const { clock, dataPlane } = this.#options;
    if (this.#isTrying) return;
    this.#isTrying = true;
    clock.after(tryAgainMs, () => {
      this.#isTrying = false;
      if (this.#isClosed) return;
      void dataPlane.listen().then(() => this.check());
    });
  }
}
