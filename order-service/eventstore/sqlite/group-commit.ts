import { StoreUnavailableError } from '../store-error.ts';
import { isBusy, lockPauseMs, type Database } from './database.ts';

type Request = {
  readonly askedAtMs: number;
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
};

type Outcome = Readonly<{ ok: true; value: unknown }> | Readonly<{ ok: false; error: unknown }>;

type Transact = (
  work: () => Outcome[],
) => Readonly<{ kind: 'busy' }> | Readonly<{ kind: 'done'; value: readonly Outcome[] }>;

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
  #retry: NodeJS.Timeout | undefined;

  constructor(db: Database, committed: () => void) {
    this.#db = db;
    this.#committed = committed;
  }

  /** Runs `work` inside the next transaction; resolves with its result once that is on disk. */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ askedAtMs: performance.now(), work, resolve: (value) => resolve(value as T), reject });
      this.#schedule();
    });
  }

  /** Commits all that is queued, however much it is, standing still until it is done. */
  drain(): void {
    clearTimeout(this.#retry);
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, maxBatch);
      this.#settle(batch, (work) => ({ kind: 'done', value: this.#db.transaction(work) }));
    }
  }

  #flush(): void {
    this.#scheduled = undefined;
    const batch = this.#queue.splice(0, maxBatch);
    const isDone = this.#settle(batch, (work) => this.#db.tryTransaction(work));
    if (isDone) {
      if (this.#queue.length > 0) this.#schedule();
      return;
    }
    // Another process holds the lock: try again soon, and let the event loop turn meanwhile.
    this.#queue.unshift(...batch);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#flush();
    }, lockPauseMs());
  }

  #schedule(): void {
    if (this.#retry === undefined) this.#scheduled ??= setImmediate(() => this.#flush());
  }

  /** False when the lock was not to be had and the batch may still wait for it. */
  #settle(batch: readonly Request[], transact: Transact): boolean {
    let finished = false;
    try {
      const result = transact(() => {
        const all = batch.map((request) => this.#attempt(request));
        finished = true;
        return all;
      });
      if (result.kind === 'busy') return this.#giveUp(batch);
      for (const [index, outcome] of result.value.entries()) {
        if (outcome.ok) batch[index]?.resolve(outcome.value);
        else batch[index]?.reject(outcome.error);
      }
      this.#committed();
    } catch (error) {
      // Until COMMIT was asked for, nothing can have been kept; a busy COMMIT was rolled back.
      reject(batch, !finished || isBusy(error), error);
    }
    return true;
  }

  #giveUp(batch: readonly Request[]): boolean {
    const isLate = performance.now() - (batch[0]?.askedAtMs ?? 0) > this.#db.lockWaitMs;
    if (isLate) reject(batch, true, new Error('another process holds the lock'));
    return isLate;
  }

  #attempt(request: Request): Outcome {
    try {
      return { ok: true, value: this.#db.savepoint(request.work) };
    } catch (error) {
      return { ok: false, error };
    }
  }
}

function reject(batch: readonly Request[], certain: boolean, cause: unknown): void {
  const failure = new StoreUnavailableError('the event store cannot commit', certain, { cause });
  for (const request of batch) request.reject(failure);
}
