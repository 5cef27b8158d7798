/**
 * Keeps a read model in step with the log.
 *
 * In: the events of a store, in order, from the read model's own checkpoint on. Out: documents, one for each stream, each
 * built from the whole stream, so that redelivery and a replay are harmless. The sink writes documents and checkpoint
 * together. A stream that cannot be folded is parked (with a reason) and the others go on; a sink that fails is tried again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore, Position, RecordedEvent } from './event-store.ts';

/** A stream that a projection has laid aside, and why. */
export type ParkedStream = Readonly<{ stream: string; reason: string }>;

/** A read model, written to by one projection. */
export interface ProjectionSink<Doc> {
  /** How far the log is in the read model; undefined when nothing of it is. */
  checkpoint(): Promise<Position | undefined>;
  /** Keeps documents (each unless a newer one is held), parked streams and checkpoint: all or none. */
  write(batch: Readonly<{ docs: readonly Doc[]; parked: readonly ParkedStream[]; upTo: Position }>): Promise<void>;
  /** The streams laid aside. */
  parked(): Promise<readonly ParkedStream[]>;
  /** Empties the read model and its checkpoint. */
  clear(): Promise<void>;
}

/** What a projection is built of. */
export type ProjectionParts<Doc> = Readonly<{
  /** Name and version, as `orders@1`: a changed document shape is a new name, built by replay beside the old one. */
  name: string;
  store: EventStore;
  prefixes: readonly string[];
  project: (stream: string) => Promise<Doc | undefined>;
  sink: ProjectionSink<Doc>;
  onError: (error: unknown) => void;
  now?: (() => number) | undefined;
}>;

/** How a projection stands. */
export type ProjectionStatus = Readonly<{
  name: string;
  position: Position;
  isCaughtUp: boolean;
  lagMs: number;
  isPaused: boolean;
  parked: readonly ParkedStream[];
}>;

type Waiter = Readonly<{ position: Position; resolve: (reached: boolean) => void }>;

/** Runs one projection until stopped. */
export class ProjectionRunner<Doc> {
  readonly #parts: ProjectionParts<Doc>;
  readonly #now: () => number;
  readonly #waiters = new Set<Waiter>();
  #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #position: Position;
  #behindSinceMs: number | undefined;
  #isPaused = false;

  constructor(parts: ProjectionParts<Doc>) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
    this.#position = parts.store.start;
    this.#behindSinceMs = this.#now();
  }

  /** The projection's name. */
  get name(): string {
    return this.#parts.name;
  }

  /** How far the log is in the read model. */
  get position(): Position {
    return this.#position;
  }

  /** How old the oldest event is that may be missing from the read model. */
  get lagMs(): number {
    return this.#behindSinceMs === undefined ? 0 : Math.max(0, this.#now() - this.#behindSinceMs);
  }

  /** Starts to follow the log. */
  start(): void {
    this.#stopping = new AbortController();
    this.#isPaused = false;
    this.#running = this.#run(this.#stopping.signal);
  }

  /** Stops after the batch in hand. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    for (const waiter of this.#waiters) waiter.resolve(false);
    this.#waiters.clear();
  }

  /** Stops, but stays listed as paused. */
  async pause(): Promise<void> {
    await this.stop();
    this.#isPaused = true;
  }

  /** Empties the read model and builds it again from the first event. Parked streams get another chance. */
  async rebuild(): Promise<void> {
    await this.stop();
    await this.#parts.sink.clear();
    this.#position = this.#parts.store.start;
    this.#behindSinceMs = this.#now();
    this.start();
  }

  /** Resolves with true as soon as the read model holds this position, with false when that takes too long. */
  async waitFor(position: Position, timeoutMs: number): Promise<boolean> {
    if (this.#holds(position)) return true;
    return new Promise<boolean>((resolve) => {
      const waiter: Waiter = {
        position,
        resolve: (reached) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(reached);
        },
      };
      const timer = setTimeout(() => waiter.resolve(false), timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** How the projection stands. */
  async status(): Promise<ProjectionStatus> {
    const parked = await this.#parts.sink.parked();
    const { name, position, lagMs } = this;
    return { name, position, isCaughtUp: this.#behindSinceMs === undefined, lagMs, isPaused: this.#isPaused, parked };
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await this.#follow(signal, () => (failures = 0));
      } catch (error) {
        if (signal.aborted) return;
        this.#parts.onError(error);
        await delay(Math.min(5000, 50 * 2 ** failures), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #follow(signal: AbortSignal, progressed: () => void): Promise<void> {
    const { store, sink, prefixes } = this.#parts;
    const after = (await sink.checkpoint()) ?? store.start;
    this.#position = after;
    for await (const item of store.subscribe({ after, prefixes, signal })) {
      if (item.kind === 'events') {
        this.#behindSinceMs ??= Date.parse(item.events[0]?.recordedAt ?? '');
        await this.#apply(item.events, item.position);
      } else {
        this.#behindSinceMs = undefined;
        if (store.compare(item.position, this.#position) > 0) await this.#apply([], item.position);
      }
      progressed();
      if (signal.aborted) return;
    }
  }

  async #apply(events: readonly RecordedEvent[], upTo: Position): Promise<void> {
    const docs: Doc[] = [];
    const parked: ParkedStream[] = [];
    for (const stream of new Set(events.map((event) => event.stream))) {
      try {
        const doc = await this.#parts.project(stream);
        if (doc !== undefined) docs.push(doc);
      } catch (error) {
        if (error instanceof Error && error.name === 'StoreUnavailableError') throw error;
        this.#parts.onError(error);
        parked.push({ stream, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    await this.#parts.sink.write({ docs, parked, upTo });
    this.#position = upTo;
    for (const waiter of this.#waiters) if (this.#holds(waiter.position)) waiter.resolve(true);
  }

  #holds(position: Position): boolean {
    return this.#parts.store.compare(this.#position, position) >= 0;
  }
}
