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
import type { Database, SqlValue } from './database.ts';
import { GroupCommit } from './group-commit.ts';

type Row = Record<string, unknown>;

const schema = `
  CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    schema INTEGER NOT NULL,
    data TEXT NOT NULL,
    meta TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    UNIQUE (stream, version)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS checkpoints (name TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT;
`;

/**
 * The embedded event store: one SQLite file in WAL mode, shared with the views so that a view and its checkpoint can commit
 * together. SQLite has one writer at a time, so positions are in commit order and a reader never skips a late commit.
 */
export class SqliteStore implements EventStore {
  readonly start: Position = '0';
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #bell = new Bell();
  readonly #closing = new AbortController();
  readonly #commits: GroupCommit;
  readonly #pollMs: number;

  constructor(db: Database, options: Readonly<{ now?: () => Date; pollMs?: number }> = {}) {
    this.#db = db;
    this.#now = options.now ?? (() => new Date());
    this.#pollMs = options.pollMs ?? 50;
    this.#commits = new GroupCommit(db, () => this.#bell.ring());
    db.transaction(() => db.exec(schema));
  }

  append(stream: string, expected: ExpectedVersion, events: readonly NewEvent[]): Promise<AppendResult> {
    try {
      this.#assertOpen();
      const data = encodeData(events);
      return this.#commits.run(() => this.#insert({ stream, expected, events, data }));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async readStream(stream: string, options: ReadStreamOptions = {}): Promise<readonly RecordedEvent[]> {
    const { from, limit = -1, backwards = false } = options;
    const sql = backwards
      ? 'SELECT * FROM events WHERE stream = ? AND version <= ? ORDER BY version DESC LIMIT ?'
      : 'SELECT * FROM events WHERE stream = ? AND version >= ? ORDER BY version LIMIT ?';
    const edge = from ?? (backwards ? 2n ** 62n : 0n);
    return this.#read(() => this.#db.prepare(sql).all(stream, edge, limit)).map(toRecorded);
  }

  async readAll(options: ReadAllOptions = {}): Promise<LogPage> {
    const { after = this.start, prefixes, limit = 1000 } = options;
    const head = this.#head();
    const ranges = (prefixes ?? []).map(() => '(stream >= ? AND stream < ?)').join(' OR ');
    const filter = prefixes === undefined ? '' : `AND (${ranges || 'FALSE'})`;
    const sql = `SELECT * FROM events WHERE position > ? AND position <= ? ${filter} ORDER BY position LIMIT ?`;
    const edges = (prefixes ?? []).flatMap((prefix): SqlValue[] => [prefix, `${prefix}\u{10ffff}`]);
    const rows = this.#read(() => this.#db.prepare(sql).all(BigInt(after), BigInt(head), ...edges, limit));
    const events = rows.map(toRecorded);
    const full = events.length >= limit;
    return { events, scannedTo: (full ? events.at(-1)?.position : undefined) ?? later(after, head) };
  }

  subscribe(options: ReadAllOptions & Readonly<{ signal: AbortSignal }>): AsyncIterable<SubscriptionItem> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    return tailLog({ store: this, bell: this.#bell, pollMs: this.#pollMs }, { ...options, signal });
  }

  async head(): Promise<Position> {
    return this.#head();
  }

  compare(a: Position, b: Position): number {
    const difference = BigInt(a) - BigInt(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  /** Commits what was queued. The file itself is its owner's to close. */
  async close(): Promise<void> {
    this.#commits.drain();
    this.#closing.abort();
  }

  #insert(
    request: Readonly<{
      stream: string;
      expected: ExpectedVersion;
      events: readonly NewEvent[];
      data: readonly string[];
    }>,
  ): AppendResult {
    const { stream, expected, events, data } = request;
    const known = events.map((event) => this.#find(event.id));
    const last = known.at(-1);
    if (last !== undefined && known.every((event) => event?.stream === stream)) {
      return { version: last.version, position: last.position, deduplicated: true };
    }
    const actual = this.#versionOf(stream);
    if (!meetsExpectation(expected, actual) || known.some((event) => event !== undefined)) {
      throw new ConflictError(stream, expected, actual);
    }
    const insert = this.#db.prepare(
      'INSERT INTO events (id, stream, version, type, schema, data, meta, recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    const recordedAt = this.#now().toISOString();
    let version = actual ?? -1n;
    let position: number | bigint = 0n;
    for (const [index, event] of events.entries()) {
      version += 1n;
      const { id, type, schema, meta } = event;
      const text = data[index] ?? 'null';
      position = insert.run(id, stream, version, type, schema, text, JSON.stringify(meta), recordedAt).lastInsertRowid;
    }
    return { version, position: String(position), deduplicated: false };
  }

  #find(id: string): RecordedEvent | undefined {
    const row = this.#db.prepare('SELECT * FROM events WHERE id = ?').get(id);
    return row === undefined ? undefined : toRecorded(row);
  }

  #versionOf(stream: string): bigint | undefined {
    const row = this.#db.prepare('SELECT max(version) AS version FROM events WHERE stream = ?').get(stream);
    const version = row?.['version'];
    return typeof version === 'bigint' ? version : undefined;
  }

  #head(): Position {
    const row = this.#read(() => this.#db.prepare('SELECT max(position) AS head FROM events').get());
    const head = row?.['head'];
    return typeof head === 'bigint' ? String(head) : this.start;
  }

  #read<T>(work: () => T): T {
    this.#assertOpen();
    try {
      return work();
    } catch (error) {
      throw new StoreUnavailableError('the event store cannot be read', true, { cause: error });
    }
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new StoreUnavailableError('the store is closed', true);
  }
}

function later(a: Position, b: Position): Position {
  return BigInt(a) > BigInt(b) ? a : b;
}

/** A row of `events`: the table is STRICT, so that the column types are as declared. */
function toRecorded(row: Row): RecordedEvent {
  return {
    id: row['id'] as string,
    stream: row['stream'] as string,
    version: row['version'] as bigint,
    position: String(row['position']),
    type: row['type'] as string,
    schema: Number(row['schema']),
    data: JSON.parse(row['data'] as string),
    meta: JSON.parse(row['meta'] as string),
    recordedAt: row['recorded_at'] as string,
  };
}
