import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Database, type SyncMode } from '../eventstore/sqlite/database.ts';
import { SqliteStore } from '../eventstore/sqlite/sqlite-store.ts';

/** A service's own file: the event store in it, and the database for the views beside it. */
export type OpenStore = Readonly<{ store: SqliteStore; database: Database; close: () => Promise<void> }>;

/** Opens (or makes) `<name>.db` in a folder. Any number of processes of one host may have it open. */
export function openStore(folder: string, name: string, sync: SyncMode): OpenStore {
  mkdirSync(folder, { recursive: true });
  const database = new Database(join(folder, `${name}.db`), sync);
  const store = new SqliteStore(database);
  return {
    store,
    database,
    close: async () => {
      await store.close();
      database.close();
    },
  };
}
