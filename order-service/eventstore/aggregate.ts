/**
 * The command path: load a stream, let its decider decide, append at the version that was read.
 *
 * In: a command with a command id and a fingerprint. Out: a `CommandOutcome`.
 * A command id that the stream has seen gives the first answer again (idempotency without a table of its own: the keys live
 * as long as the stream), or `key_reused` when it comes with another fingerprint. A conflict with another writer is decided
 * anew on what that writer left, unless the caller named a version: then the caller must look first. Commands of this process
 * take turns on a stream, so conflicts come from other processes only, and a repeated command waits for its first.
 */
import type { DomainEvent, EventCodec } from './codec.ts';
import type { Decider, Refusal } from './decider.ts';
import type { EventMeta, EventStore, ExpectedVersion, Position, RecordedEvent } from './event-store.ts';
import { ConflictError } from './store-error.ts';
import { Turns } from './turns.ts';
import { eventId } from './uuid.ts';

type Handled = Readonly<{ version: bigint; position: Position; fingerprint: string }>;

/** A stream folded into its state. `version` is undefined when the stream does not exist. */
export type Loaded<State> = Readonly<{
  state: State;
  version: bigint | undefined;
  position: Position;
  handled: ReadonlyMap<string, Handled>;
}>;

/** A command for one stream. */
export type CommandRequest<Command> = Readonly<{
  stream: string;
  command: Command;
  /** The version that the caller has seen, when it insists on it. */
  expected?: ExpectedVersion | undefined;
  meta: EventMeta;
}>;

/** How a command ended. `version` and `position` are those after its last event. */
export type CommandOutcome<State> =
  | Readonly<{ kind: 'done'; state: State; version: bigint; position: Position; replayed: boolean }>
  | Readonly<{ kind: 'refused'; refusal: Refusal; state: State; version: bigint | undefined }>
  | Readonly<{ kind: 'version_mismatch'; actual: bigint | undefined }>
  | Readonly<{ kind: 'key_reused' }>;

/** What an aggregate is built of. `cachedStreams`: how many folded streams to keep, so that only their tail is read. */
export type AggregateParts<State, Command, E extends DomainEvent> = Readonly<{
  store: EventStore;
  codec: EventCodec<E>;
  decider: Decider<State, Command, E>;
  cachedStreams?: number | undefined;
  pause?: ((attempt: number) => Promise<void>) | undefined;
  onConflict?: ((retried: boolean) => void) | undefined;
}>;

/** How often a command is decided anew when other processes write to the same stream. */
const maxAttempts = 8;
/** How many commands of one stream are remembered by id. */
const maxHandled = 1024;

/** The streams of one kind, and the rules they live by. */
export class Aggregate<State, Command, E extends DomainEvent> {
  readonly #parts: AggregateParts<State, Command, E>;
  readonly #turns = new Turns();
  readonly #cache = new Map<string, Loaded<State>>();

  constructor(parts: AggregateParts<State, Command, E>) {
    this.#parts = parts;
  }

  /** The state of a stream, now or as it was at a version. */
  async load(stream: string, at?: bigint): Promise<Loaded<State>> {
    const cached = at === undefined ? this.#cache.get(stream) : undefined;
    const base = cached ?? this.#empty();
    const from = base.version === undefined ? 0n : base.version + 1n;
    const limit = at === undefined ? undefined : Number(at) + 1;
    const tail = await this.#parts.store.readStream(stream, { from, limit });
    const loaded = tail.length === 0 ? base : this.#fold(base, tail);
    if (at === undefined) this.#remember(stream, loaded);
    return loaded;
  }

  /** Carries out a command, once for each command id. */
  execute(request: CommandRequest<Command>): Promise<CommandOutcome<State>> {
    return this.#turns.take(request.stream, () => this.#attempts(request));
  }

  async #attempts(request: CommandRequest<Command>): Promise<CommandOutcome<State>> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(request);
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        const again = attempt < maxAttempts;
        this.#parts.onConflict?.(again);
        if (!again) throw error;
        await this.#parts.pause?.(attempt);
      }
    }
  }

  async #attempt(request: CommandRequest<Command>): Promise<CommandOutcome<State>> {
    const { stream, command, expected, meta } = request;
    const loaded = await this.load(stream);
    const handled = loaded.handled.get(meta.commandId);
    if (handled !== undefined) return this.#replay(stream, handled, meta.fingerprint);
    if (typeof expected === 'bigint' && expected !== loaded.version) {
      return { kind: 'version_mismatch', actual: loaded.version };
    }
    const decision = this.#parts.decider.decide(loaded.state, command);
    if (!decision.ok) {
      return { kind: 'refused', refusal: decision.refusal, state: loaded.state, version: loaded.version };
    }
    if (decision.events.length === 0) {
      const { state, version = -1n, position } = loaded;
      return { kind: 'done', state, version, position, replayed: true };
    }
    const { codec, decider } = this.#parts;
    const events = decision.events.map((event, index) => ({
      ...codec.encode(event),
      id: eventId(meta.commandId, index),
      meta,
    }));
    const { version, position, deduplicated } = await this.#parts.store.append(
      stream,
      loaded.version ?? 'none',
      events,
    );
    // Another process was first with this very command: what it decided stands, not what was decided here.
    if (deduplicated) return this.#replayLate(stream, meta);
    const state = decision.events.reduce((now, event) => decider.evolve(now, event), loaded.state);
    return { kind: 'done', state, version, position, replayed: false };
  }

  async #replayLate(stream: string, meta: EventMeta): Promise<CommandOutcome<State>> {
    const handled = (await this.load(stream)).handled.get(meta.commandId);
    if (handled === undefined) throw new ConflictError(stream, 'any', undefined);
    return this.#replay(stream, handled, meta.fingerprint);
  }

  async #replay(stream: string, handled: Handled, fingerprint: string): Promise<CommandOutcome<State>> {
    if (handled.fingerprint !== fingerprint) return { kind: 'key_reused' };
    const then = await this.load(stream, handled.version);
    return { kind: 'done', state: then.state, version: handled.version, position: handled.position, replayed: true };
  }

  #empty(): Loaded<State> {
    const { decider, store } = this.#parts;
    return { state: decider.initial, version: undefined, position: store.start, handled: new Map() };
  }

  #fold(base: Loaded<State>, tail: readonly RecordedEvent[]): Loaded<State> {
    const { codec, decider } = this.#parts;
    const handled = new Map(base.handled);
    let { state } = base;
    for (const { version, position, meta, ...recorded } of tail) {
      const event = codec.decode(recorded);
      if (event !== undefined) state = decider.evolve(state, event);
      handled.set(meta.commandId, { version, position, fingerprint: meta.fingerprint });
      if (handled.size > maxHandled) handled.delete(handled.keys().next().value ?? '');
    }
    const last = tail.at(-1);
    return { state, version: last?.version, position: last?.position ?? base.position, handled };
  }

  #remember(stream: string, loaded: Loaded<State>): void {
    const { cachedStreams = 0 } = this.#parts;
    if (cachedStreams === 0) return;
    this.#cache.delete(stream);
    this.#cache.set(stream, loaded);
    const oldest = this.#cache.keys().next().value;
    if (this.#cache.size > cachedStreams && oldest !== undefined) this.#cache.delete(oldest);
  }
}
