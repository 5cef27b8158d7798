import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { seededRandom } from '#shared/runtime/random.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { emptySnapshot } from '../snapshot/snapshot.ts';
import { WorkerPool } from './worker-pool.ts';
import type { WorkerSockets } from './worker-sockets.ts';
import type { WorkerThread } from './worker-thread.ts';

const nothing = () => undefined;
const open: WorkerPool[] = [];

/** A pool whose threads begin at once and answer nothing. */
function setUp(atOnce: number) {
  const clock = new FakeClock();
  const started: number[] = [];
  const told: string[] = [];
  const sockets = {
    awaitsPort: false,
    suspend: (index: number) => told.push(`${index} away`),
    resume: (index: number) => told.push(`${index} back`),
    placesFor: () => new Map(),
    setListeners: nothing,
    listening: nothing,
    closeUnused: nothing,
    close: nothing,
  };
  const pool = new WorkerPool({
    clock,
    random: seededRandom(1),
    logger: { info: nothing, warn: nothing, error: nothing },
    concurrency: 3,
    atOnce,
    setup: {
      transport: 'streams',
      own: { name: 'a', namespace: 'b', labels: {} },
      compat: 'tulle',
      ownAddress: '10.0.0.1',
    },
    certificates: new WatchSource(null),
    sockets: sockets as unknown as WorkerSockets,
    start: ({ index }) => {
      started.push(index);
      return {
        begun: Promise.resolve(),
        snapshot: null,
        newBlocks: () => new Map(),
        post: nothing,
        ask: () => Promise.resolve(new Map()),
        terminate: () => Promise.resolve(),
      } as unknown as WorkerThread;
    },
  });
  open.push(pool);
  return { clock, pool, started, told };
}

describe('the threads of a pool', () => {
  // Or its timer would keep this process, whatever a test found.
  afterEach(() => Promise.all(open.splice(0).map((pool) => pool.close())));

  it('start all at once where that was asked for', async () => {
    const { pool, started, told, clock } = setUp(3);
    await pool.apply(emptySnapshot);
    await pool.listen();
    clock.advance(60_000);
    assert.deepEqual([started, told], [[0, 1, 2], []]);
  });

  it('or one alone, whom the others join ten seconds after it began to listen', async () => {
    const { pool, started, told, clock } = setUp(1);
    await pool.apply(emptySnapshot);
    clock.advance(60_000);
    await pool.listen();
    await pool.listen();
    clock.advance(9999);
    assert.deepEqual([started, told], [[0], ['1 away', '2 away']]);
    clock.advance(1);
    assert.deepEqual(
      [started, told.slice(2)],
      [
        [0, 1, 2],
        ['1 back', '2 back'],
      ],
    );
  });

  it('join nobody who ends', async () => {
    const { pool, started, clock } = setUp(1);
    await pool.listen();
    await pool.close();
    clock.advance(60_000);
    assert.deepEqual(started, [0]);
  });
});
