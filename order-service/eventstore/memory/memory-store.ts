import type {
  AppendResult,
  EventStore,
  ExpectedVersion,
  LogPage,
  NewEvent,
  Position,
  ReadAllOptions,
  ReadStreamOptions,
  RecordedEvent,
  SubscriptionItem,
} from '../event-store.ts';
import { ConflictError, encodeData, meetsExpectation, StoreUnavailableError } from '../store-error.ts';
import { Bell, tailLog } from '../tail.ts';

/** An event store that lives as long as the process: for tests of what is built on a store. */
export class MemoryStore implements EventStore {
  readonly start: Position = '0';
  readonly #log: RecordedEvent[] = [];
  readonly #streams = new Map<string, RecordedEvent[]>();
  readonly #byId = new Map<string, RecordedEvent>();
  readonly #bell = new Bell();
  readonly #closing = new AbortController();
  readonly #now: () => Date;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  async append(stream: string, expected: ExpectedVersion, events: readonly NewEvent[]): Promise<AppendResult> {
    this.#assertOpen();
    const data = encodeData(events);
    const held = this.#streams.get(stream) ?? [];
    const actual = held.at(-1)?.version;
    const known = events.map((event) => this.#byId.get(event.id));
    const last = known.at(-1);
    if (last !== undefined && known.every((event) => event?.stream === stream)) {
      return { version: last.version, position: last.position, deduplicated: true };
    }
    if (!meetsExpectation(expected, actual) || known.some((event) => event !== undefined)) {
      throw new ConflictError(stream, expected, actual);
    }
    const recorded = events.map((event, index): RecordedEvent => ({
      ...structuredClone(event),
      data: JSON.parse(data[index] ?? 'null'),
      stream,
      version: (actual ?? -1n) + BigInt(index) + 1n,
      position: String(this.#log.length + index + 1),
      recordedAt: this.#now().toISOString(),
    }));
    for (const event of recorded) this.#byId.set(event.id, event);
    this.#log.push(...recorded);
    this.#streams.set(stream, [...held, ...recorded]);
    this.#bell.ring();
    const end = recorded.at(-1);
    return { version: end?.version ?? -1n, position: end?.position ?? this.start, deduplicated: false };
  }

  async readStream(stream: string, options: ReadStreamOptions = {}): Promise<readonly RecordedEvent[]> {
    this.#assertOpen();
    const { from, limit = Number.POSITIVE_INFINITY, backwards = false } = options;
    const held = this.#streams.get(stream) ?? [];
    const ordered = backwards ? held.toReversed() : held;
    return ordered
      .filter((e) => from === undefined || (backwards ? e.version <= from : e.version >= from))
      .slice(0, limit);
  }

  async readAll(options: ReadAllOptions = {}): Promise<LogPage> {
    this.#assertOpen();
    const { after = this.start, prefixes, limit = 1000 } = options;
    const matching = this.#log
      .slice(Number(after))
      .filter((event) => prefixes === undefined || prefixes.some((prefix) => event.stream.startsWith(prefix)))
      .slice(0, limit);
    const full = matching.length >= limit;
    return { events: matching, scannedTo: (full ? matching.at(-1)?.position : undefined) ?? String(this.#log.length) };
  }

  subscribe(options: ReadAllOptions & Readonly<{ signal: AbortSignal }>): AsyncIterable<SubscriptionItem> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    return tailLog({ store: this, bell: this.#bell, pollMs: 1000 }, { ...options, signal });
  }

  async head(): Promise<Position> {
    return String(this.#log.length);
  }

  compare(a: Position, b: Position): number {
    return Number(a) - Number(b);
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new StoreUnavailableError('the store is closed', true);
  }
}
