import type { End, Step } from './journey.ts';

/** One finished request. */
export type Sample = Readonly<{
  step: Step;
  status: number;
  ms: number;
  isOk: boolean;
  paymentsVersion?: string | undefined;
}>;

/** One line of the generator: the counts of the last second, and the orders since the start. */
export type StatsLine = Readonly<{
  t: string;
  rps: number;
  ok: number;
  failed: number;
  skipped: number;
  p50: number;
  p99: number;
  statuses: Readonly<Record<string, number>>;
  versions: Readonly<Record<string, number>>;
  placed: number;
  paid: number;
  completed: number;
  cancelled: number;
  wrong: number;
  lastWrong?: string | undefined;
  firstOrderAt?: string | undefined;
}>;

/** Counts requests and orders. One owner: the generator. */
export class Stats {
  #window = emptyWindow();
  #all = emptyWindow();
  #orders = { placed: 0, paid: 0, completed: 0, cancelled: 0, wrong: 0 };
  #lastWrong: string | undefined;
  #firstOrderAt: string | undefined;

  /** A request ended. */
  add(sample: Sample, at: Date): void {
    for (const window of [this.#window, this.#all]) addTo(window, sample);
    if (!sample.isOk) return;
    if (sample.step === 'place') {
      this.#orders.placed++;
      this.#firstOrderAt ??= at.toISOString();
    }
    if (sample.step === 'pay') this.#orders.paid++;
  }

  /** A journey ended. */
  end(end: End): void {
    if (end === 'completed') this.#orders.completed++;
    if (end === 'cancelled') this.#orders.cancelled++;
  }

  /** An answer was not what it must be. */
  wrong(what: string): void {
    this.#orders.wrong++;
    this.#lastWrong = what;
  }

  /** A request was due, but too many were under way. */
  skip(): void {
    this.#window.skipped++;
    this.#all.skipped++;
  }

  /** The counts of the time since the last line, which then starts anew. */
  takeLine(at: Date, seconds: number): StatsLine {
    const line = this.#line(this.#window, at, seconds);
    this.#window = emptyWindow();
    return line;
  }

  /** The counts of all the time. */
  summary(at: Date, seconds: number): StatsLine {
    return this.#line(this.#all, at, seconds);
  }

  #line(window: Window, at: Date, seconds: number): StatsLine {
    const { ok, failed, skipped, latencies } = window;
    const sorted = latencies.toSorted((a, b) => a - b);
    return {
      t: at.toISOString(),
      rps: Math.round(((ok + failed) / Math.max(seconds, 0.001)) * 10) / 10,
      ok,
      failed,
      skipped,
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      statuses: Object.fromEntries(window.statuses),
      versions: Object.fromEntries([...window.versions].sort(([a], [b]) => a.localeCompare(b))),
      ...this.#orders,
      lastWrong: this.#lastWrong,
      firstOrderAt: this.#firstOrderAt,
    };
  }
}

type Window = {
  ok: number;
  failed: number;
  skipped: number;
  readonly latencies: number[];
  readonly statuses: Map<string, number>;
  readonly versions: Map<string, number>;
};

/** So many latencies are kept for percentiles; after that each new one takes the place of an old one. */
const maxLatencies = 20_000;

function emptyWindow(): Window {
  return { ok: 0, failed: 0, skipped: 0, latencies: [], statuses: new Map(), versions: new Map() };
}

function addTo(window: Window, { status, ms, isOk, paymentsVersion }: Sample): void {
  const place = (window.ok + window.failed) % maxLatencies;
  window.latencies[place] = ms;
  if (isOk) window.ok++;
  else window.failed++;
  count(window.statuses, String(status));
  if (paymentsVersion !== undefined) count(window.versions, paymentsVersion);
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function percentile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return Math.round(value * 10) / 10;
}
