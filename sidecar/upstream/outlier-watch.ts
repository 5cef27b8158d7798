import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { OutlierConfig } from '../snapshot/cluster.ts';
import type { ConsecutiveType, LocalResult, OutlierHost } from './outlier-reports.ts';
import type { OutlierStats } from './outlier-stats.ts';
import { OutlierDetector, type OutlierEvent } from './outlier.ts';

/** Who judges the hosts of a cluster by what requests to them come to: this thread, or another that all workers tell. */
export interface HostJudge<H extends OutlierHost> {
  /** What was counted; null while nobody is judged here. */
  readonly stats: OutlierStats | null;
  /** Starts, changes or (by null) ends detection; with its end everybody may be used again. */
  configure(config: OutlierConfig | null): void;
  /** Other hosts are in the cluster now. */
  hostsChanged(): void;
  reportStatus(host: H, status: number): void;
  reportLocal(host: H, result: LocalResult): void;
  close(): void;
}

/** Who is judged, and what with. */
export type OutlierWatchOptions<H extends OutlierHost> = Readonly<{
  clock: Clock;
  random: Random;
  hosts: () => Iterable<H>;
  onEvent: (event: OutlierEvent<H>) => void;
}>;

/** Keeps a detector, if one is configured, and lets its interval tick. */
export class OutlierWatch<H extends OutlierHost> implements HostJudge<H> {
  readonly #options: OutlierWatchOptions<H>;
  #detector: OutlierDetector<H> | null = null;
  #intervalMs = 0;
  #stopTimer: (() => void) | null = null;

  constructor(options: OutlierWatchOptions<H>) {
    this.#options = options;
  }

  get stats(): OutlierStats | null {
    return this.#detector?.stats ?? null;
  }

  configure(config: OutlierConfig | null): void {
    if (config === null) {
      const ended = this.#detector;
      this.close();
      ended?.release();
      return;
    }
    if (this.#detector === null) {
      this.#detector = new OutlierDetector(config, this.#options);
      this.#detector.setHosts(this.#options.hosts());
    } else this.#detector.update(config);
    if (config.intervalMs !== this.#intervalMs) this.#restart(config.intervalMs);
  }

  hostsChanged(): void {
    this.#detector?.setHosts(this.#options.hosts());
  }

  reportStatus(host: H, status: number): void {
    this.#detector?.reportStatus(host, status);
  }

  reportLocal(host: H, result: LocalResult): void {
    this.#detector?.reportLocal(host, result);
  }

  /** A counter of the host met its threshold in another thread. */
  fire(host: H, type: ConsecutiveType): void {
    this.#detector?.fire(host, type);
  }

  close(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
    this.#detector = null;
    this.#intervalMs = 0;
  }

  #restart(intervalMs: number): void {
    const { clock } = this.#options;
    this.#stopTimer?.();
    this.#intervalMs = intervalMs;
    const tick = () => {
      this.#detector?.tick();
      this.#stopTimer = clock.after(intervalMs, tick);
    };
    this.#stopTimer = clock.after(intervalMs, tick);
  }
}
