import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Database, type SyncMode } from '../eventstore/sqlite/database.ts';
import { SqliteStore } from '../eventstore/sqlite/sqlite-store.ts';

/** A service's own file: the event store in it, and a connection for the views beside it. */
export type OpenStore = Readonly<{ store: SqliteStore; views: Database; close: () => Promise<void> }>;

/**
 * Opens (or makes) `<name>.db` in a folder. Any number of processes of one host may have it open. Views have a connection of
 * their own that does not wait for the disk: they commit in the file's order, so a power cut can only take them back to an
 * earlier state with the checkpoint that belongs to it, and they go on from there.
 */
export function openStore(folder: string, name: string, sync: SyncMode): OpenStore {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.db`);
  const log = new Database(file, sync);
  const store = new SqliteStore(log);
  const views = new Database(file, 'normal');
  return {
    store,
    views,
    close: async () => {
      await store.close();
      views.close();
      log.close();
    },
  };
}
