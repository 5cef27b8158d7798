/** Watches a running mesh: takes the reports of traffic, asks the sidecars for their metrics, and says what the status is. */
import type { Clock } from '#shared/runtime/clock.ts';
import { countArrivals, mutualTlsShare, type Arrivals } from './mutual-tls.ts';
import { formatStatus } from './status-line.ts';
import { parseTrafficReport, type TrafficReport } from './traffic-report.ts';

export type WatcherOptions = Readonly<{
  clock: Clock;
  /** The metrics of all sidecars that answer. */
  readMetrics: () => Promise<readonly string[]>;
  counts: () => Readonly<{ up: number; all: number }>;
  onStatus: (text: string) => void;
  /** The first order was placed, so many milliseconds after the epoch. */
  onFirstOrder: (atMs: number) => void;
}>;

const everyMs = 1000;
/** The split between versions is told of so many seconds: one alone sees few calls of payments. */
const recentReports = 3;

export class MeshWatcher {
  readonly #options: WatcherOptions;
  #recent: readonly TrafficReport[] = [];
  #ok = 0;
  #failed = 0;
  #arrivals: Arrivals | null = null;
  #sawOrder = false;
  #stopped = false;
  #cancel: (() => void) | null = null;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** Begins to tell the status every second. */
  start(): void {
    this.#cancel = this.#options.clock.after(everyMs, () => {
      void this.#tick().then(() => {
        if (!this.#stopped) this.start();
      });
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** What traffic did in all; null when there was none. */
  summary(): string | null {
    const orders = this.#recent.at(-1)?.orders;
    if (orders === undefined) return null;
    const { placed, paid, completed, cancelled, wrong } = orders;
    return `${this.#ok + this.#failed} requests, ${this.#failed} failed; orders: ${placed} placed, ${paid} paid, ${completed} completed, ${cancelled} cancelled; wrong answers: ${wrong}.`;
  }

  /** A line that the traffic generator wrote. */
  takeLine(line: string): void {
    const report = parseTrafficReport(line);
    if (report === null) return;
    this.#recent = [...this.#recent, report].slice(-recentReports);
    this.#ok += report.ok;
    this.#failed += report.failed;
    if (report.firstOrderAt !== null && !this.#sawOrder) {
      this.#sawOrder = true;
      this.#options.onFirstOrder(report.firstOrderAt);
    }
  }

  async #tick(): Promise<void> {
    const { readMetrics, counts, onStatus } = this.#options;
    const arrivals = (await readMetrics())
      .map(countArrivals)
      .reduce((sum, one) => ({ all: sum.all + one.all, mutualTls: sum.mutualTls + one.mutualTls }), {
        all: 0,
        mutualTls: 0,
      });
    const mutualTls = mutualTlsShare(arrivals, this.#arrivals);
    this.#arrivals = arrivals;
    if (this.#stopped) return;
    onStatus(formatStatus({ recent: this.#recent, failed: this.#failed, mutualTls, ...counts() }));
  }
}
