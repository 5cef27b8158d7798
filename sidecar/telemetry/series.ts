/**
 * The request metrics of one worker. Labels that are fixed for a pair of workloads make a SeriesGroup, found once (when a
 * configuration is compiled, or at the first request of a peer) and kept; what differs from request to request (protocol, status,
 * gRPC status, flags) picks a series of the group by one number. A series is a run of cells of the slab.
 * Growth is bounded: when the slab or the number of series is used up, what is new is counted under labels that say `other`.
 */
import type { PairLabelName } from '#shared/telemetry/metric-names.ts';
import { pairLabelNames } from '#shared/telemetry/metric-names.ts';
import { formatFlags } from './response-flags.ts';
import { add, histogramCells, observe, Slab } from './slab.ts';

/** Labels of a pair of workloads; what is missing is `unknown`. */
export type PairLabels = Readonly<Partial<Record<PairLabelName, string>>> &
  Readonly<{ reporter: 'source' | 'destination' }>;

/** `connection_security_policy`: the source does not know. */
export type SecurityPolicy = 'mutual_tls' | 'none' | 'unknown';

/** The metrics of one worker, as they are rendered: its cells, and which series lie in them. */
export type SlabView = Readonly<{ cells: Float64Array; entries: readonly SeriesEntry[] }>;

/** Requests, messages and TCP connections that were counted so far. */
export function servedBy(views: readonly SlabView[]): number {
  let sum = 0;
  for (const { cells, entries } of views) for (const { first } of entries) sum += cells[first] ?? 0;
  return sum;
}

/** Where the cells of one series lie and what its labels are, for rendering: plain data that can be posted to another thread. */
export type SeriesEntry = Readonly<{
  kind: 'request' | 'messages' | 'tcp';
  /** Values in the order of `requestLabelNames`, `pairLabelNames` or `tcpLabelNames`. */
  labels: readonly string[];
  first: number;
}>;

/** One series of requests, or of TCP connections: the slab's cells and the first of its own. */
export type Series = Readonly<{ cells: Float64Array; first: number }>;

/** Cells of a request series, from its first: requests, then three histograms. */
export const requestCells = {
  requests: 0,
  duration: 1,
  requestBytes: 1 + histogramCells,
  responseBytes: 1 + 2 * histogramCells,
} as const;

/** Cells of the gRPC messages between two workloads. */
export const messageCells = { requests: 0, responses: 1 } as const;

/** Cells of a TCP series. */
export const tcpCells = { opened: 0, closed: 1, sent: 2, received: 3 } as const;

/** Cells of a series of each kind. */
export const seriesCells = { request: 1 + 3 * histogramCells, messages: 2, tcp: 4 } as const;

/** Counts one finished request. */
export function observeRequest(series: Series, durationMs: number, requestBytes: number, responseBytes: number): void {
  const { cells, first } = series;
  add(cells, first, 1);
  observe(cells, first + requestCells.duration, durationMs);
  observe(cells, first + requestCells.requestBytes, requestBytes);
  observe(cells, first + requestCells.responseBytes, responseBytes);
}

/** Counts messages of a gRPC call. */
export function observeMessages({ cells, first }: Series, requests: number, responses: number): void {
  add(cells, first + messageCells.requests, requests);
  add(cells, first + messageCells.responses, responses);
}

/** Adds to one counter of a TCP series. */
export function countTcp(series: Series, counter: keyof typeof tcpCells, amount: number): void {
  add(series.cells, series.first + tcpCells[counter], amount);
}

/** The request and TCP series of one pair of workloads. */
export class SeriesGroup {
  readonly #registry: SeriesRegistry;
  readonly #pair: readonly string[];
  readonly #policy: SecurityPolicy;
  readonly #requests = new Map<number, Series>();
  readonly #tcp = new Map<number, Series>();
  #messages: Series | null = null;
  #lastKey = -1;
  #last: Series | null = null;

  constructor(registry: SeriesRegistry, pair: readonly string[], policy: SecurityPolicy) {
    this.#registry = registry;
    this.#pair = pair;
    this.#policy = policy;
  }

  /** The series of requests that ended like this; `grpcStatus` is -1 for what is not gRPC. */
  request(status: number, grpcStatus: number, isGrpc: boolean, flags: number): Series {
    // Flags go on top, so that the usual key (no flags) stays a small integer.
    const key = ((flags * 1024 + status) * 1024 + grpcStatus + 1) * 2 + (isGrpc ? 1 : 0);
    if (key === this.#lastKey && this.#last !== null) return this.#last;
    let series = this.#requests.get(key);
    if (series === undefined) {
      const ending = [isGrpc ? 'grpc' : 'http', String(status), grpcStatus < 0 ? '' : String(grpcStatus)];
      series = this.#registry.add('request', [...this.#pair, ...ending, formatFlags(flags), this.#policy]);
      this.#requests.set(key, series);
    }
    this.#lastKey = key;
    this.#last = series;
    return series;
  }

  /** The series of gRPC messages: nothing of how the call ends is in it, for it is counted before. */
  messages(): Series {
    return (this.#messages ??= this.#registry.add('messages', this.#pair));
  }

  /** The series of TCP connections with these flags. */
  tcp(flags: number): Series {
    let series = this.#tcp.get(flags);
    if (series === undefined) {
      series = this.#registry.add('tcp', [...this.#pair, 'tcp', formatFlags(flags), this.#policy]);
      this.#tcp.set(flags, series);
    }
    return series;
  }
}

/** Options of a {@link SeriesRegistry}. */
export type SeriesRegistryOptions = Readonly<{
  /** Series of requests and of connections together, beyond which `other` is counted. */
  maxSeries?: number | undefined;
  /** Told of each new series, so that another thread can render it. */
  onSeries?: ((entry: SeriesEntry) => void) | undefined;
}>;

/** Owns the slab of one worker and gives out series of it. */
export class SeriesRegistry {
  readonly slab: Slab;
  readonly #entries: SeriesEntry[] = [];
  readonly #groups = new Map<string, SeriesGroup>();
  readonly #maxSeries: number;
  readonly #onSeries: (entry: SeriesEntry) => void;
  readonly #other = new Map<string, Series>();
  #overflows = 0;

  constructor(options: SeriesRegistryOptions = {}) {
    this.#maxSeries = options.maxSeries ?? 4096;
    this.#onSeries = options.onSeries ?? (() => {});
    // What overflows goes to at most one series a reporter and kind, for which there is always room.
    this.slab = new Slab((this.#maxSeries + 6) * seriesCells.request);
  }

  /** The group of a pair of workloads, the same for the same labels. */
  group(labels: PairLabels, policy: SecurityPolicy): SeriesGroup {
    const pair = pairLabelNames.map((name) => labels[name] ?? 'unknown');
    // Beyond the bound not even the key of a new pair is kept: peers may choose their names.
    const key = `${policy}\n${pair.join('\n')}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const isFull = this.#groups.size >= this.#maxSeries;
    const group = new SeriesGroup(this, isFull ? otherPair(labels.reporter) : pair, policy);
    if (!isFull) this.#groups.set(key, group);
    return group;
  }

  /** A new series with these label values, or the one that stands for all that found no room. */
  add(kind: SeriesEntry['kind'], labels: readonly string[]): Series {
    if (this.#entries.length >= this.#maxSeries) return this.#overflow(kind, labels);
    return this.#allocate({ kind, labels, first: this.#take(kind) });
  }

  /** All series so far. */
  entries(): readonly SeriesEntry[] {
    return this.#entries;
  }

  /** As they are rendered. */
  view(): SlabView {
    return { cells: this.slab.cells, entries: this.#entries };
  }

  /** How often a series was asked for that found no room. */
  get overflows(): number {
    return this.#overflows;
  }

  #overflow(kind: SeriesEntry['kind'], labels: readonly string[]): Series {
    this.#overflows++;
    const [reporter = 'source'] = labels;
    const key = `${kind} ${reporter === 'source' ? 'source' : 'destination'}`;
    let series = this.#other.get(key);
    if (series === undefined) {
      const others = labels.map((_, index) => (index === 0 ? reporter : 'other'));
      series = this.#allocate({ kind, labels: others, first: this.#take(kind) });
      this.#other.set(key, series);
    }
    return series;
  }

  #take(kind: SeriesEntry['kind']): number {
    return this.slab.allocate(seriesCells[kind]);
  }

  #allocate(entry: SeriesEntry): Series {
    this.#entries.push(entry);
    this.#onSeries(entry);
    return { cells: this.slab.cells, first: entry.first };
  }
}

function otherPair(reporter: string): readonly string[] {
  return pairLabelNames.map((name) => (name === 'reporter' ? reporter : 'other'));
}
