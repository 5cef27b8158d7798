import type { Database, SqlValue } from '../../eventstore/sqlite/database.ts';
import type { SqliteView } from '../../eventstore/sqlite/sqlite-sink.ts';
import type { OrderDocument } from './order-document.ts';
import type { ListPage, ListQuery, OrderViews } from './order-views.ts';

/** The view `orders@1`: a row for each order in the event store's own file. */
export class SqliteOrderViews implements OrderViews, SqliteView<OrderDocument> {
  readonly schema = `
    CREATE TABLE IF NOT EXISTS orders_view (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,
      customer_id TEXT NOT NULL, status TEXT NOT NULL, doc TEXT NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS orders_view_customer ON orders_view (customer_id, seq);
    CREATE INDEX IF NOT EXISTS orders_view_status ON orders_view (status, seq)`;
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  put(db: Database, doc: OrderDocument): void {
    const sql = `INSERT INTO orders_view (id, version, customer_id, status, doc) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET version = excluded.version, customer_id = excluded.customer_id,
        status = excluded.status, doc = excluded.doc WHERE excluded.version > version`;
    db.prepare(sql).run(doc.id, doc.version, doc.customerId, doc.status, JSON.stringify(doc));
  }

  clear(db: Database): void {
    db.exec('DELETE FROM orders_view');
  }

  async get(id: string): Promise<OrderDocument | undefined> {
    const row = this.#db.prepare('SELECT doc FROM orders_view WHERE id = ?').get(id);
    return row === undefined ? undefined : decodeDoc(row);
  }

  async list(query: ListQuery): Promise<ListPage> {
    const { customerId, status, cursor, limit } = query;
    const filters = [
      { sql: 'customer_id = ?', value: customerId },
      { sql: 'status = ?', value: status },
      { sql: 'seq < ?', value: cursor === undefined ? undefined : BigInt(cursor) },
    ].flatMap(({ sql, value }) => (value === undefined ? [] : [{ sql, value }]));
    const where = filters.length === 0 ? '' : `WHERE ${filters.map((f) => f.sql).join(' AND ')}`;
    const values: SqlValue[] = [...filters.map((f) => f.value), limit + 1];
    const rows = this.#db.prepare(`SELECT seq, doc FROM orders_view ${where} ORDER BY seq DESC LIMIT ?`).all(...values);
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? String(page.at(-1)?.['seq']) : undefined;
    return { orders: page.map(decodeDoc), next };
  }
}

/** The document in a row: written by `put` alone. */
export function decodeDoc(row: Record<string, unknown>): OrderDocument {
  return JSON.parse(String(row['doc'])) as OrderDocument;
}
