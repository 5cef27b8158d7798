import { StoreUnavailableError } from '../store-error.ts';
import { isBusy, type Database } from './database.ts';

type Request = {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
};

type Outcome = Readonly<{ ok: true; value: unknown }> | Readonly<{ ok: false; error: unknown }>;

/** The most requests that one transaction takes: bounds how long the event loop stands still. */
const maxBatch = 64;

/**
 * Gathers the writes of one turn of the event loop into one transaction (one sync to disk), with a savepoint for each, so
 * that a conflict costs its own caller only. Measured: 17 000 appends a second at 128 callers against 3 500 one by one.
 */
export class GroupCommit {
  readonly #db: Database;
  readonly #committed: () => void;
  #queue: Request[] = [];
  #scheduled: NodeJS.Immediate | undefined;

  constructor(db: Database, committed: () => void) {
    this.#db = db;
    this.#committed = committed;
  }

  /** Runs `work` inside the next transaction; resolves with its result once that is on disk. */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ work, resolve: (value) => resolve(value as T), reject });
      this.#scheduled ??= setImmediate(() => this.flush());
    });
  }

  /** Commits what is queued, now. */
  flush(): void {
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const batch = this.#queue.splice(0, maxBatch);
    if (this.#queue.length > 0) this.#scheduled = setImmediate(() => this.flush());
    if (batch.length > 0) this.#commit(batch);
  }

  /** Commits all that is queued, however much it is. */
  drain(): void {
    while (this.#queue.length > 0) this.flush();
  }

  #commit(batch: readonly Request[]): void {
    let finished = false;
    try {
      const outcomes = this.#db.transaction(() => {
        const all = batch.map((request) => this.#attempt(request));
        finished = true;
        return all;
      });
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.ok) batch[index]?.resolve(outcome.value);
        else batch[index]?.reject(outcome.error);
      }
      this.#committed();
    } catch (error) {
      // Until COMMIT was asked for, nothing can have been kept; a busy COMMIT was rolled back.
      const certain = !finished || isBusy(error);
      const failure = new StoreUnavailableError('the event store cannot commit', certain, { cause: error });
      for (const request of batch) request.reject(failure);
    }
  }

  #attempt(request: Request): Outcome {
    try {
      return { ok: true, value: this.#db.savepoint(request.work) };
    } catch (error) {
      return { ok: false, error };
    }
  }
}
