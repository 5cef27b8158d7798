import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { StoreUnavailableError } from '../store-error.ts';
import { aNewEvent, storeContract } from '../tck/store-contract.ts';
import { Database } from './database.ts';
import { SqliteStore } from './sqlite-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-store-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

function aFile(): string {
  files++;
  return join(folder, `${files}.db`);
}

describe('SqliteStore keeps the contract: it', () => {
  for (const [name, run] of Object.entries(storeContract)) {
    it(name, async () => {
      const database = new Database(aFile(), 'normal');
      await run(new SqliteStore(database));
      assert.deepEqual(database.integrityProblems(), []);
      database.close();
    });
  }
});

describe('SqliteStore', () => {
  it('lets two stores on one file see and respect each other', async () => {
    const file = aFile();
    const [one, two] = [new Database(file, 'normal'), new Database(file, 'normal')];
    const [first, second] = [new SqliteStore(one, { pollMs: 5 }), new SqliteStore(two, { pollMs: 5 })];
    const stopping = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      for await (const item of second.subscribe({ signal: stopping.signal })) {
        if (item.kind === 'events') seen.push(...item.events.map((event) => event.stream));
        if (seen.length === 40) stopping.abort();
      }
    })();
    const race = Array.from({ length: 40 }, (_, i) =>
      Promise.allSettled([
        first.append(`r-${i}`, 'none', [aNewEvent(`one ${i}`)]),
        second.append(`r-${i}`, 'none', [aNewEvent(`two ${i}`)]),
      ]),
    );
    const outcomes = await Promise.all(race);
    await following;
    assert.ok(outcomes.every((pair) => pair.filter((outcome) => outcome.status === 'fulfilled').length === 1));
    assert.equal(new Set(seen).size, 40);
    one.close();
    two.close();
  });

  it('keeps events over a restart and refuses a file of another program', async () => {
    const file = aFile();
    const database = new Database(file);
    await new SqliteStore(database).append('s-1', 'none', [aNewEvent('a')]);
    database.close();
    const again = new Database(file);
    assert.equal((await new SqliteStore(again).readStream('s-1')).length, 1);
    again.close();

    const foreign = aFile();
    const other = new DatabaseSync(foreign);
    other.exec('PRAGMA application_id=99; CREATE TABLE t (a)');
    other.close();
    assert.throws(() => new Database(foreign), /belongs to another program/);
  });

  it('says for certain that nothing was written when the file cannot be locked', async () => {
    const file = aFile();
    const database = new Database(file, 'normal', 30);
    const store = new SqliteStore(database);
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const append = store.append('s-1', 'none', [aNewEvent('a')]);
    await assert.rejects(append, (error) => error instanceof StoreUnavailableError && error.certain);
    const waiting = store.append('s-0', 'none', [aNewEvent('z')]);
    await new Promise(setImmediate);
    other.exec('ROLLBACK');
    assert.equal((await waiting).version, 0n, 'what still waits goes on when the lock is free');
    other.close();
    assert.equal((await store.append('s-1', 'none', [aNewEvent('a')])).deduplicated, false);
    database.close();
  });
});
