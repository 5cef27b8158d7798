import type { Clock } from '#shared/runtime/clock.ts';
import type { Readiness } from '#shared/runtime/readiness.ts';
import type { DataPlane } from './data-plane.ts';

/** Since when inbound drains: whoever asked first, a hook, the admin port, or a signal. What drains is not ready any more. */
export class Draining {
  readonly #clock: Clock;
  readonly #readiness: Readiness;
  readonly #dataPlane: Pick<DataPlane, 'startDraining'>;
  #since: number | null = null;

  constructor(clock: Clock, readiness: Readiness, dataPlane: Pick<DataPlane, 'startDraining'>) {
    this.#clock = clock;
    this.#readiness = readiness;
    this.#dataPlane = dataPlane;
  }

  /** By the clock's monotonic time; null: it does not drain. */
  get since(): number | null {
    return this.#since;
  }

  /** Begins, once. */
  start(): void {
    if (this.#since !== null) return;
    this.#since = this.#clock.monotonic();
    this.#readiness.close('draining');
    this.#dataPlane.startDraining();
  }
}
