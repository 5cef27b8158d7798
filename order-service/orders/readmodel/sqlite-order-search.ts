import type { Database } from '../../eventstore/sqlite/database.ts';
import type { SqliteView } from '../../eventstore/sqlite/sqlite-sink.ts';
import type { OrderDocument } from './order-document.ts';
import type { OrderSearch, SearchPage } from './order-views.ts';
import { decodeDoc } from './sqlite-order-views.ts';

/** The view `search@1`: full text by FTS5, in the event store's own file. A query is one phrase, its last word a prefix. */
export class SqliteOrderSearch implements OrderSearch, SqliteView<OrderDocument> {
  readonly schema = `
    CREATE TABLE IF NOT EXISTS search_docs (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, doc TEXT NOT NULL) STRICT;
    CREATE VIRTUAL TABLE IF NOT EXISTS search_text USING fts5 (
      titles, descriptions, email, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')`;
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  put(db: Database, doc: OrderDocument): void {
    const held = db.prepare('SELECT seq, version FROM search_docs WHERE id = ?').get(doc.id);
    if (held !== undefined && Number(held['version']) >= doc.version) return;
    const sql = `INSERT INTO search_docs (id, version, doc) VALUES (?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET version = excluded.version, doc = excluded.doc RETURNING seq`;
    const seq = Number(db.prepare(sql).get(doc.id, doc.version, JSON.stringify(doc))?.['seq']);
    if (held !== undefined) db.prepare('DELETE FROM search_text WHERE rowid = ?').run(seq);
    const titles = doc.lines.map((line) => line.title).join('\n');
    const descriptions = doc.lines.map((line) => line.description ?? '').join('\n');
    const insert = 'INSERT INTO search_text (rowid, titles, descriptions, email) VALUES (?, ?, ?, ?)';
    db.prepare(insert).run(seq, titles, descriptions, doc.email);
  }

  clear(db: Database): void {
    db.exec('DELETE FROM search_docs; DELETE FROM search_text');
  }

  async search(query: Readonly<{ text: string; page: number; size: number }>): Promise<SearchPage> {
    const { text, page, size } = query;
    // Text without a letter or digit has no token, and nothing can match it.
    if (!/[\p{L}\p{N}]/u.test(text)) return { orders: [], total: 0 };
    const phrase = `"${text.replaceAll('"', '""')}"*`;
    const count = this.#db.prepare('SELECT count(*) AS total FROM search_text WHERE search_text MATCH ?').get(phrase);
    const sql = `SELECT d.doc FROM search_text JOIN search_docs d ON d.seq = search_text.rowid
      WHERE search_text MATCH ? ORDER BY bm25(search_text), d.seq DESC LIMIT ? OFFSET ?`;
    const rows = this.#db.prepare(sql).all(phrase, size, (page - 1) * size);
    return { orders: rows.map(decodeDoc), total: Number(count?.['total']) };
  }
}
