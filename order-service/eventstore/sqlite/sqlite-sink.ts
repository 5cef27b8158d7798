import type { Position } from '../event-store.ts';
import type { ParkedStream, ProjectionSink } from '../projection.ts';
import type { Database } from './database.ts';

/** The tables of one read model, as SQL: how they are made, and how one document goes in or all go out. */
export interface SqliteView<Doc> {
  readonly schema: string;
  put(db: Database, doc: Doc): void;
  clear(db: Database): void;
}

const parkedSchema = `CREATE TABLE IF NOT EXISTS parked (
  projection TEXT NOT NULL, stream TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (projection, stream)) STRICT`;

/** A read model in the event store's own SQLite file: documents and checkpoint are kept in one transaction. */
export class SqliteSink<Doc> implements ProjectionSink<Doc> {
  readonly #db: Database;
  readonly #name: string;
  readonly #view: SqliteView<Doc>;

  constructor(db: Database, name: string, view: SqliteView<Doc>) {
    this.#db = db;
    this.#name = name;
    this.#view = view;
    db.transaction(() => db.exec(`${view.schema}; ${parkedSchema}`));
  }

  async checkpoint(): Promise<Position | undefined> {
    return readCheckpoint(this.#db, this.#name);
  }

  async write(
    batch: Readonly<{ docs: readonly Doc[]; parked: readonly ParkedStream[]; upTo: Position }>,
  ): Promise<void> {
    // Another process on this file may have brought the view there already: then it has these documents, or newer ones.
    const held = readCheckpoint(this.#db, this.#name);
    if (held !== undefined && BigInt(held) >= BigInt(batch.upTo)) return;
    await this.#db.write(() => {
      for (const doc of batch.docs) this.#view.put(this.#db, doc);
      for (const { stream, reason } of batch.parked) {
        this.#db.prepare('INSERT OR REPLACE INTO parked VALUES (?, ?, ?)').run(this.#name, stream, reason);
      }
      moveCheckpoint(this.#db, this.#name, batch.upTo);
    });
  }

  async parked(): Promise<readonly ParkedStream[]> {
    const rows = this.#db.prepare('SELECT stream, reason FROM parked WHERE projection = ?').all(this.#name);
    return rows.map((row) => ({ stream: String(row['stream']), reason: String(row['reason']) }));
  }

  async clear(): Promise<void> {
    await this.#db.write(() => {
      this.#view.clear(this.#db);
      this.#db.prepare('DELETE FROM parked WHERE projection = ?').run(this.#name);
      this.#db.prepare('DELETE FROM checkpoints WHERE name = ?').run(this.#name);
    });
  }
}

/** The checkpoint of that name. */
export function readCheckpoint(db: Database, name: string): Position | undefined {
  const row = db.prepare('SELECT position FROM checkpoints WHERE name = ?').get(name);
  return row === undefined ? undefined : String(row['position']);
}

/** Moves a checkpoint forward, never back: another process may be ahead. Call it inside the view's transaction. */
export function moveCheckpoint(db: Database, name: string, position: Position): void {
  const sql = `INSERT INTO checkpoints (name, position) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position)`;
  db.prepare(sql).run(name, BigInt(position));
}
