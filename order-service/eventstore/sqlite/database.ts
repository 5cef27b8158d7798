import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';

/** A prepared statement. */
export type Statement = StatementSync;

/** A value that a statement takes. */
export type SqlValue = SQLInputValue;

/** How commits reach the disk: `full` survives a power cut, `normal` may lose the last commits in one (never in a crash). */
export type SyncMode = 'full' | 'normal';

/** Written into each file, so that another program's database is not taken for ours. */
const applicationId = 0x54_55_4c_45;

/**
 * One SQLite file, opened for many processes of one host (WAL; never on a network file system). The only place that
 * names `node:sqlite`: what that API renames, is renamed here. All calls are synchronous, so a transaction that is
 * opened and closed in one call can never interleave with another of this process.
 */
export class Database {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, Statement>();

  /** How long a writer waits for the lock. */
  readonly lockWaitMs: number;

  constructor(file: string, sync: SyncMode = 'full', lockWaitMs = 5000) {
    this.lockWaitMs = lockWaitMs;
    this.#db = new DatabaseSync(file, { timeout: lockWaitMs });
    withBusyRetry(() => this.#db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=${sync};`));
    this.transaction(() => this.#claim(file));
  }

  /** The statement for a text, prepared once. Integers come back as bigint. */
  prepare(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    statement.setReadBigInts(true);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Runs SQL text that returns nothing. */
  exec(sql: string): void {
    this.#db.exec(sql);
  }

  /** Runs `work` in one write transaction: all of it is kept, or (when it throws) none of it. Waits for the lock standing still. */
  transaction<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    return this.#finish(work);
  }

  /** The same, if the lock is free at once. While another process holds it, it is `busy`, and nothing was done. */
  tryTransaction<T>(work: () => T): Readonly<{ kind: 'busy' }> | Readonly<{ kind: 'done'; value: T }> {
    this.#db.exec('PRAGMA busy_timeout=0');
    try {
      this.#db.exec('BEGIN IMMEDIATE');
    } catch (error) {
      if (isBusy(error)) return { kind: 'busy' };
      throw error;
    } finally {
      this.#db.exec(`PRAGMA busy_timeout=${this.lockWaitMs}`);
    }
    return { kind: 'done', value: this.#finish(work) };
  }

  /** The same, waiting for the lock without holding up the event loop. */
  async write<T>(work: () => T): Promise<T> {
    const deadlineMs = performance.now() + this.lockWaitMs;
    while (performance.now() < deadlineMs) {
      const outcome = this.tryTransaction(work);
      if (outcome.kind === 'done') return outcome.value;
      await delay(lockPauseMs());
    }
    return this.transaction(work);
  }

  /** Runs `work` inside the open transaction so that only its own changes are undone when it throws. */
  savepoint<T>(work: () => T): T {
    this.#db.exec('SAVEPOINT request');
    try {
      const result = work();
      this.#db.exec('RELEASE request');
      return result;
    } catch (error) {
      this.#db.exec('ROLLBACK TO request; RELEASE request');
      throw error;
    }
  }

  /** The problems that SQLite finds in the file; none in a sound one. */
  integrityProblems(): readonly string[] {
    const rows = this.prepare('PRAGMA integrity_check').all();
    return rows.map((row) => String(Object.values(row)[0])).filter((text) => text !== 'ok');
  }

  /** Lets go of the file. */
  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #finish<T>(work: () => T): T {
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #claim(file: string): void {
    const found = Number(this.prepare('PRAGMA application_id').get()?.['application_id']);
    if (found !== 0 && found !== applicationId) {
      throw new Error(`${file} belongs to another program (application_id ${found})`);
    }
    this.#db.exec(`PRAGMA application_id=${applicationId}`);
  }
}

/** How long to wait before the lock is tried again: uneven, so that two processes do not keep step. */
export function lockPauseMs(): number {
  return 1 + Math.random() * 3;
}

/** Is this SQLite saying that another process holds the lock? */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}

/** Switching a new file to WAL does not wait for a lock as other statements do: two processes starting at once. */
function withBusyRetry(work: () => void): void {
  for (let attempt = 0; ; attempt++) {
    try {
      work();
      return;
    } catch (error) {
      if (!isBusy(error) || attempt >= 100) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}
