import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { MemoryStore } from './memory/memory-store.ts';
import { ProjectionRunner, type ParkedStream, type ProjectionSink } from './projection.ts';
import { Database } from './sqlite/database.ts';
import { SqliteSink, type SqliteView } from './sqlite/sqlite-sink.ts';
import { SqliteStore } from './sqlite/sqlite-store.ts';
import { aNewEvent } from './tck/store-contract.ts';

type Doc = Readonly<{ stream: string; count: number }>;

class MemorySink implements ProjectionSink<Doc> {
  readonly docs = new Map<string, number>();
  readonly laidAside: ParkedStream[] = [];
  at: string | undefined;
  failures = 0;

  async checkpoint() {
    return this.at;
  }
  async write(batch: Readonly<{ docs: readonly Doc[]; parked: readonly ParkedStream[]; upTo: string }>) {
    if (this.failures > 0) {
      this.failures--;
      throw new Error('the view is away');
    }
    for (const { stream, count } of batch.docs) this.docs.set(stream, count);
    this.laidAside.push(...batch.parked);
    this.at = batch.upTo;
  }
  async parked() {
    return this.laidAside;
  }
  async clear() {
    this.docs.clear();
    this.laidAside.length = 0;
    this.at = undefined;
  }
}

function start(context: TestContext, { broken }: { broken?: Set<string> } = {}) {
  const store = new MemoryStore();
  const sink = new MemorySink();
  const errors: unknown[] = [];
  const projected: string[] = [];
  const project = async (stream: string): Promise<Doc> => {
    projected.push(stream);
    if (broken?.has(stream) === true) throw new Error('cannot be folded');
    return { stream, count: (await store.readStream(stream)).length };
  };
  const runner = new ProjectionRunner({
    name: 'counts@1',
    store,
    prefixes: ['s-'],
    project,
    sink,
    onError: (error) => errors.push(error),
  });
  runner.start();
  context.after(() => runner.stop());
  return { store, sink, runner, errors, projected };
}

describe('a projection', () => {
  it('follows the log and tells when it holds a position', async (context) => {
    const { store, sink, runner } = start(context);
    const { position } = await store.append('s-1', 'none', [aNewEvent('a', 0), aNewEvent('a', 1)]);
    assert.equal(await runner.waitFor(position, 5000), true);
    assert.deepEqual([...sink.docs], [['s-1', 2]]);
    const other = await store.append('t-1', 'none', [aNewEvent('b')]);
    assert.equal(await runner.waitFor(other.position, 5000), true, 'events of other streams count as seen');
    assert.equal(await runner.waitFor('99', 10), false);
    assert.deepEqual([(await runner.status()).isCaughtUp, runner.lagMs], [true, 0]);
  });

  it('goes on from its checkpoint after a stop', async (context) => {
    const { store, runner, projected } = start(context);
    const first = await store.append('s-1', 'none', [aNewEvent('a')]);
    await runner.waitFor(first.position, 5000);
    await runner.pause();
    const second = await store.append('s-2', 'none', [aNewEvent('b')]);
    assert.deepEqual([await runner.waitFor(second.position, 10), (await runner.status()).isPaused], [false, true]);
    runner.start();
    assert.equal(await runner.waitFor(second.position, 5000), true);
    assert.deepEqual(projected, ['s-1', 's-2']);
  });

  it('tries again when its view is away, and loses nothing', async (context) => {
    const { store, sink, runner, errors } = start(context);
    sink.failures = 2;
    const { position } = await store.append('s-1', 'none', [aNewEvent('a')]);
    assert.equal(await runner.waitFor(position, 5000), true);
    assert.deepEqual([[...sink.docs], errors.length], [[['s-1', 1]], 2]);
  });

  it('parks a stream that cannot be folded, keeps the others going, and takes it up again at a rebuild', async (context) => {
    const broken = new Set(['s-bad']);
    const { store, sink, runner } = start(context, { broken });
    await store.append('s-bad', 'none', [aNewEvent('a')]);
    const { position } = await store.append('s-good', 'none', [aNewEvent('b')]);
    assert.equal(await runner.waitFor(position, 5000), true);
    assert.deepEqual((await runner.status()).parked, [{ stream: 's-bad', reason: 'cannot be folded' }]);
    assert.deepEqual([...sink.docs.keys()], ['s-good']);
    broken.clear();
    await runner.rebuild();
    await eventually(() => sink.docs.size === 2);
    assert.deepEqual((await runner.status()).parked, []);
  });
});

describe('a SQLite sink', () => {
  const view: SqliteView<Doc> = {
    schema: 'CREATE TABLE counts (stream TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT',
    put: (db, doc) => {
      if (doc.count < 0) throw new Error('no such count');
      db.prepare('INSERT OR REPLACE INTO counts VALUES (?, ?)').run(doc.stream, doc.count);
    },
    clear: (db) => db.exec('DELETE FROM counts'),
  };

  it('keeps documents and checkpoint together or not at all, and never goes back', async () => {
    const db = new Database(':memory:');
    const store = new SqliteStore(db);
    const sink = new SqliteSink(db, 'counts@1', view);
    await sink.write({ docs: [{ stream: 'a', count: 1 }], parked: [], upTo: '5' });
    const broken = sink.write({
      docs: [
        { stream: 'b', count: 1 },
        { stream: 'c', count: -1 },
      ],
      parked: [],
      upTo: '9',
    });
    await assert.rejects(broken, /no such count/);
    assert.equal(await sink.checkpoint(), '5');
    assert.equal(db.prepare('SELECT count(*) AS n FROM counts').get()?.['n'], 1n);
    await sink.write({ docs: [], parked: [{ stream: 'x', reason: 'why' }], upTo: '6' });
    await sink.write({ docs: [], parked: [], upTo: '3' });
    assert.deepEqual([await sink.checkpoint(), await sink.parked()], ['6', [{ stream: 'x', reason: 'why' }]]);
    await sink.clear();
    assert.deepEqual([await sink.checkpoint(), await sink.parked()], [undefined, []]);
    await store.close();
    db.close();
  });
});
