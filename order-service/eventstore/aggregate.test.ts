import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { Aggregate } from './aggregate.ts';
import { defineEvents, type EventOf } from './codec.ts';
import { accept, refuse, type Decider } from './decider.ts';
import type { EventStore } from './event-store.ts';
import { MemoryStore } from './memory/memory-store.ts';
import { ConflictError } from './store-error.ts';
import { uuidv5 } from './uuid.ts';

const definitions = { Added: { schema: 1, data: z.object({ n: z.number() }) } } as const;
type Added = EventOf<typeof definitions>;

/** A counter that must not pass ten. */
const counter: Decider<number, number, Added> = {
  initial: 0,
  decide: (sum, n) =>
    sum + n > 10 ? refuse('too_much', 'more than ten') : n === 0 ? accept() : accept({ type: 'Added', data: { n } }),
  evolve: (sum, event) => sum + event.data.n,
};

function aCounter(store: EventStore, more: { cachedStreams?: number; onConflict?: (retried: boolean) => void } = {}) {
  return new Aggregate({ store, codec: defineEvents(definitions), decider: counter, ...more });
}

const meta = (command: string, fingerprint = command) => ({
  commandId: uuidv5(command),
  fingerprint,
  occurredAt: '2026-01-01T00:00:00.000Z',
});
const request = (command: string, n: number, more = {}) => ({ stream: 's', command: n, meta: meta(command), ...more });

for (const cachedStreams of [0, 1]) {
  describe(`an aggregate that keeps ${cachedStreams} folded streams`, () => {
    const make = (store: EventStore = new MemoryStore()) => aCounter(store, { cachedStreams });

    it('answers a repeated command as it did first, whatever has happened since (I10)', async () => {
      const aggregate = make();
      const first = await aggregate.execute(request('a', 3));
      await aggregate.execute(request('b', 4));
      const again = await aggregate.execute(request('a', 3));
      assert.deepEqual(again, { ...first, replayed: true });
      assert.equal((await aggregate.load('s')).state, 7);
    });

    it('carries out a command once when it is asked for many times at once', async () => {
      const aggregate = make();
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => aggregate.execute(request('a', 3))));
      assert.equal(outcomes.filter((outcome) => outcome.kind === 'done' && !outcome.replayed).length, 1);
      assert.equal((await aggregate.load('s')).state, 3);
    });

    it('refuses a key that comes with another request', async () => {
      const aggregate = make();
      await aggregate.execute(request('a', 3));
      assert.deepEqual(await aggregate.execute({ ...request('a', 4), meta: meta('a', 'other') }), {
        kind: 'key_reused',
      });
    });

    it('insists on the version that the caller names, and decides anew for one who names none', async () => {
      const store = new MemoryStore();
      const [one, two] = [make(store), make(store)];
      await one.execute(request('a', 1));
      const race = await Promise.all([one.execute(request('b', 2)), two.execute(request('c', 3))]);
      assert.deepEqual(
        race.map((outcome) => outcome.kind),
        ['done', 'done'],
      );
      assert.equal((await one.load('s')).state, 6);
      const late = await two.execute(request('d', 1, { expected: 0n }));
      assert.deepEqual(late, { kind: 'version_mismatch', actual: 2n });
      assert.equal((await two.execute(request('e', 1, { expected: 2n }))).kind, 'done');
    });

    it('loads a stream as it was, and refuses by the rules of the domain', async () => {
      const aggregate = make();
      for (const n of [1, 2, 3]) await aggregate.execute(request(`add ${n}`, n));
      assert.equal((await aggregate.load('s', 1n)).state, 3);
      const refused = await aggregate.execute(request('x', 9));
      assert.ok(refused.kind === 'refused');
      assert.deepEqual([refused.refusal.code, refused.state, refused.version], ['too_much', 6, 2n]);
      assert.deepEqual((await aggregate.load('absent')).version, undefined);
    });
  });
}

describe('an aggregate', () => {
  it('never lets two writers decide on the same version: re-reading the version to append would lose an update', async () => {
    const store = new MemoryStore();
    const [one, two] = [aCounter(store), aCounter(store)];
    await Promise.all([one.execute(request('a', 6)), two.execute(request('b', 6))]);
    assert.equal((await one.load('s')).state, 6);

    // The control: a store that puts the current version in the place of the expected one.
    const careless: EventStore = Object.create(new MemoryStore(), {});
    const inner = new MemoryStore();
    Object.assign(careless, {
      append: (stream: string, _expected: unknown, events: Parameters<EventStore['append']>[2]) =>
        inner.append(stream, 'any', events),
      readStream: async (stream: string, options: Parameters<EventStore['readStream']>[1]) => {
        const events = await inner.readStream(stream, options);
        await new Promise(setImmediate);
        return events;
      },
    });
    const [three, four] = [aCounter(careless), aCounter(careless)];
    await Promise.all([three.execute(request('a', 6)), four.execute(request('b', 6))]);
    assert.equal((await three.load('s')).state, 12);
  });

  it('answers with what another process decided on the same command first', async () => {
    const store = new MemoryStore();
    const doubling = { ...counter, decide: (sum: number, n: number) => counter.decide(sum, 2 * n) };
    const [old, next] = [
      aCounter(store),
      new Aggregate({ store, codec: defineEvents(definitions), decider: doubling }),
    ];
    const [one, two] = await Promise.all([old.execute(request('a', 3)), next.execute(request('a', 3))]);
    assert.deepEqual(two, { ...one, replayed: true });
  });

  it('gives up after some conflicts, and counts them', async () => {
    const store = new MemoryStore();
    const counted: boolean[] = [];
    const append = async () => Promise.reject(new ConflictError('s', 'none', 1n));
    const losing: EventStore = Object.assign(Object.create(store) as EventStore, {
      append,
      readStream: async () => [],
    });
    const aggregate = aCounter(losing, { onConflict: (retried) => counted.push(retried) });
    await assert.rejects(aggregate.execute(request('a', 1)), ConflictError);
    assert.deepEqual([counted.length, counted.at(-1)], [8, false]);
  });
});
