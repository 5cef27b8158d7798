/**
 * An event store: named streams of immutable events, and one log in which all streams are ordered.
 *
 * In: batches of new events for one stream, with the version the writer believes the stream to be at.
 * Out: the events of a stream, the events of the log, and a subscription that follows the log.
 * The store owns versions and positions; writers own event ids, which make an append safe to repeat. It knows no domain.
 *
 *   aggregate.ts (decide) --append--> EventStore --subscribe--> projection.ts (views), sagas
 *
 * Adapters: `sqlite/` (one file, any number of processes of one host) and `memory/` (unit tests). Each passes `tck/`.
 */

/** A place in the log. Opaque: only the store that gave it can order it (`compare`). */
export type Position = string;

/** What a writer believes of a stream: absent, present, anything, or exactly at this version (the first event is 0). */
export type ExpectedVersion = 'none' | 'exists' | 'any' | bigint;

/** What is recorded beside an event's data: which command made it, and who asked. */
export type EventMeta = Readonly<{
  commandId: string;
  fingerprint: string;
  occurredAt: string;
  actor?: string | undefined;
  requestId?: string | undefined;
  traceparent?: string | undefined;
  service?: string | undefined;
}>;

/** An event to be appended. Its `id` must be the same whenever the same append is tried again. */
export type NewEvent = Readonly<{ id: string; type: string; schema: number; data: unknown; meta: EventMeta }>;

/** An event as the log holds it. */
export type RecordedEvent = NewEvent &
  Readonly<{ stream: string; version: bigint; position: Position; recordedAt: string }>;

/** Where an append ended. `deduplicated`: these very events were already there. */
export type AppendResult = Readonly<{ version: bigint; position: Position; deduplicated: boolean }>;

/** Which events of a stream to read. */
export type ReadStreamOptions = Readonly<{
  from?: bigint | undefined;
  limit?: number | undefined;
  backwards?: boolean | undefined;
}>;

/** Which events of the log to read: those after a position, of streams that begin with one of the prefixes. */
export type ReadAllOptions = Readonly<{
  after?: Position | undefined;
  prefixes?: readonly string[] | undefined;
  limit?: number | undefined;
}>;

/** A page of the log. All matching events up to and with `scannedTo` have been seen, also when there were none. */
export type LogPage = Readonly<{ events: readonly RecordedEvent[]; scannedTo: Position }>;

/** What a subscription tells: events in log order, and how far the log was followed when there was nothing more. */
export type SubscriptionItem =
  | Readonly<{ kind: 'events'; events: readonly RecordedEvent[]; position: Position }>
  | Readonly<{ kind: 'caughtUp'; position: Position }>;

/** The store itself. Every method throws a `StoreError` (see store-error.ts) and nothing else. */
export interface EventStore {
  /** Appends 1 to 100 events, all or none. Throws `ConflictError` when the stream is not as expected. */
  append(stream: string, expected: ExpectedVersion, events: readonly NewEvent[]): Promise<AppendResult>;
  /** The events of a stream in order; none when it does not exist. */
  readStream(stream: string, options?: ReadStreamOptions): Promise<readonly RecordedEvent[]>;
  /** One page of the log. */
  readAll(options?: ReadAllOptions): Promise<LogPage>;
  /** Follows the log after a position until the signal aborts or the store closes. */
  subscribe(options: ReadAllOptions & Readonly<{ signal: AbortSignal }>): AsyncIterable<SubscriptionItem>;
  /** The position of the last event; `start` when there is none. */
  head(): Promise<Position>;
  /** The position before the first event. */
  readonly start: Position;
  /** Negative, zero or positive as `a` is before, at or after `b`. */
  compare(a: Position, b: Position): number;
  /** Finishes what was queued, ends subscriptions and lets go of the file. */
  close(): Promise<void>;
}

/** The most events that one append may carry. */
export const maxEventsPerAppend = 100;

/** The most bytes that the data of one event may take as JSON. */
export const maxEventBytes = 1_048_576;
