import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { OutlierConfig } from '../snapshot/cluster.ts';
import type { Host } from './host.ts';
import type { OutlierStats } from './outlier-stats.ts';
import { OutlierDetector, type OutlierEvent } from './outlier.ts';

/** Keeps a detector, if one is configured, and lets its interval tick. */
export class OutlierWatch {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onEvent: (event: OutlierEvent<Host>) => void;
  readonly #hosts: () => Iterable<Host>;
  #detector: OutlierDetector<Host> | null = null;
  #intervalMs = 0;
  #stopTimer: (() => void) | null = null;

  constructor(clock: Clock, random: Random, hosts: () => Iterable<Host>, onEvent: (event: OutlierEvent<Host>) => void) {
    this.#clock = clock;
    this.#random = random;
    this.#hosts = hosts;
    this.#onEvent = onEvent;
  }

  get detector(): OutlierDetector<Host> | null {
    return this.#detector;
  }

  get stats(): OutlierStats | null {
    return this.#detector?.stats ?? null;
  }

  /** Starts, changes or (by null) ends detection; with its end everybody may be used again. */
  configure(config: OutlierConfig | null): void {
    if (config === null) {
      const ended = this.#detector;
      this.close();
      ended?.release();
      return;
    }
    if (this.#detector === null) {
      this.#detector = new OutlierDetector(config, {
        clock: this.#clock,
        random: this.#random,
        onEvent: this.#onEvent,
      });
      this.#detector.setHosts(this.#hosts());
    } else this.#detector.update(config);
    if (config.intervalMs !== this.#intervalMs) this.#restart(config.intervalMs);
  }

  /** Other hosts are in the cluster now. */
  hostsChanged(): void {
    this.#detector?.setHosts(this.#hosts());
  }

  close(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
    this.#detector = null;
    this.#intervalMs = 0;
  }

  #restart(intervalMs: number): void {
    this.#stopTimer?.();
    this.#intervalMs = intervalMs;
    const tick = () => {
      this.#detector?.tick();
      this.#stopTimer = this.#clock.after(intervalMs, tick);
    };
    this.#stopTimer = this.#clock.after(intervalMs, tick);
  }
}
