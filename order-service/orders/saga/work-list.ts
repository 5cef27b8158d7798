import type { Database } from '../../eventstore/sqlite/database.ts';
import type { SqliteView } from '../../eventstore/sqlite/sqlite-sink.ts';

/** An order for which something is to be done, and on whose request. */
export type WorkItem = Readonly<{
  orderId: string;
  version: number;
  dueAtMs: number;
  attempts: number;
  requestId?: string | undefined;
  traceparent?: string | undefined;
  lastError?: string | undefined;
}>;

/** The orders that wait for the saga. They outlive a crash: the list is filled from the log, with its checkpoint. */
export interface WorkList {
  /** Takes items that are due, the longest waiting first. Nobody else gets them for a while; unfinished, they are due again. */
  take(nowMs: number, limit: number): Promise<readonly WorkItem[]>;
  /** When the next item is due. */
  nextDueAtMs(): Promise<number | undefined>;
  /** Nothing is left to do for the order as it was at this version. */
  finish(orderId: string, version: number): Promise<void>;
  /** To be tried again later. */
  postpone(orderId: string, dueAtMs: number, error: string): Promise<void>;
  /** How many items there are, and some of those that failed. */
  report(): Promise<Readonly<{ open: number; failing: readonly WorkItem[] }>>;
}

/** How long an item is its taker's. Longer only means that a crash of the taker costs so much time. */
const takenForMs = 3000;

/** The work list in the event store's own file. */
export class SqliteWorkList implements WorkList, SqliteView<WorkItem> {
  readonly schema = `
    CREATE TABLE IF NOT EXISTS saga_work (
      order_id TEXT PRIMARY KEY, version INTEGER NOT NULL, due_at INTEGER NOT NULL, attempts INTEGER NOT NULL,
      request_id TEXT, traceparent TEXT, last_error TEXT) STRICT;
    CREATE INDEX IF NOT EXISTS saga_work_due ON saga_work (due_at)`;
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  put(db: Database, item: WorkItem): void {
    const sql = `INSERT INTO saga_work VALUES (?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (order_id) DO UPDATE SET
      version = excluded.version, due_at = excluded.due_at, attempts = 0, request_id = excluded.request_id,
      traceparent = excluded.traceparent, last_error = NULL WHERE excluded.version > version`;
    const { orderId, version, dueAtMs, attempts, requestId = null, traceparent = null } = item;
    db.prepare(sql).run(orderId, version, dueAtMs, attempts, requestId, traceparent);
  }

  clear(db: Database): void {
    db.exec('DELETE FROM saga_work');
  }

  async take(nowMs: number, limit: number): Promise<readonly WorkItem[]> {
    const next = await this.nextDueAtMs();
    if (next === undefined || next > nowMs) return [];
    const sql = `UPDATE saga_work SET due_at = ? WHERE order_id IN (
      SELECT order_id FROM saga_work WHERE due_at <= ? ORDER BY due_at LIMIT ?) RETURNING *`;
    return this.#db.write(() =>
      this.#db
        .prepare(sql)
        .all(nowMs + takenForMs, nowMs, limit)
        .map(toItem),
    );
  }

  async nextDueAtMs(): Promise<number | undefined> {
    const due = this.#db.prepare('SELECT min(due_at) AS due FROM saga_work').get()?.['due'];
    return typeof due === 'bigint' ? Number(due) : undefined;
  }

  async finish(orderId: string, version: number): Promise<void> {
    const sql = 'DELETE FROM saga_work WHERE order_id = ? AND version <= ?';
    await this.#db.write(() => this.#db.prepare(sql).run(orderId, version));
  }

  async postpone(orderId: string, dueAtMs: number, error: string): Promise<void> {
    const sql = 'UPDATE saga_work SET due_at = ?, attempts = attempts + 1, last_error = ? WHERE order_id = ?';
    await this.#db.write(() => this.#db.prepare(sql).run(dueAtMs, error, orderId));
  }

  async report(): Promise<Readonly<{ open: number; failing: readonly WorkItem[] }>> {
    const open = Number(this.#db.prepare('SELECT count(*) AS n FROM saga_work').get()?.['n']);
    const sql = 'SELECT * FROM saga_work WHERE attempts > 0 ORDER BY attempts DESC LIMIT 20';
    return { open, failing: this.#db.prepare(sql).all().map(toItem) };
  }
}

/** A row of the STRICT table `saga_work`. */
function toItem(row: Record<string, unknown>): WorkItem {
  return {
    orderId: String(row['order_id']),
    version: Number(row['version']),
    dueAtMs: Number(row['due_at']),
    attempts: Number(row['attempts']),
    requestId: (row['request_id'] as string | null) ?? undefined,
    traceparent: (row['traceparent'] as string | null) ?? undefined,
    lastError: (row['last_error'] as string | null) ?? undefined,
  };
}
