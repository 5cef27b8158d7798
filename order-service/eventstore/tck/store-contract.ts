/**
 * The contract of an event store as cases that every adapter runs. A case gets a fresh, empty store; `reopen`, where the
 * adapter can, gives a second one on the same events.
 */
import assert from 'node:assert/strict';
import type { EventStore, NewEvent, SubscriptionItem } from '../event-store.ts';
import { ConflictError, StoreUnavailableError, TooLargeError } from '../store-error.ts';
import { eventId, uuidv5 } from '../uuid.ts';

/** One case of the contract, named by what it promises. */
export type ContractCase = (store: EventStore) => Promise<void>;

/** An event of a command, as a writer would make it. */
export function aNewEvent(commandId: string, index = 0, data: unknown = { n: index }): NewEvent {
  const meta = { commandId, fingerprint: 'f', occurredAt: '2026-01-01T00:00:00.000Z' };
  return { id: eventId(uuidv5(commandId), index), type: 'Counted', schema: 1, data, meta };
}

/** The cases. */
export const storeContract: Readonly<Record<string, ContractCase>> = {
  'gives versions from 0 and keeps what was written': async (store) => {
    const first = await store.append('s-1', 'none', [aNewEvent('a', 0), aNewEvent('a', 1)]);
    assert.equal(first.version, 1n);
    assert.equal(first.deduplicated, false);
    await store.append('s-1', 1n, [aNewEvent('b')]);
    const events = await store.readStream('s-1');
    assert.deepEqual(
      events.map(({ version, data, type, schema, stream }) => ({ version, data, type, schema, stream })),
      [0, 1, 0].map((n, i) => ({ version: BigInt(i), data: { n }, type: 'Counted', schema: 1, stream: 's-1' })),
    );
    assert.equal(events[0]?.meta.commandId, 'a');
  },
  'reads a stream from a version, with a limit, and backwards': async (store) => {
    await store.append(
      's-1',
      'none',
      [0, 1, 2, 3].map((i) => aNewEvent('a', i)),
    );
    const versions = async (options: Parameters<EventStore['readStream']>[1]) =>
      (await store.readStream('s-1', options)).map((event) => Number(event.version));
    assert.deepEqual(await versions({ from: 2n }), [2, 3]);
    assert.deepEqual(await versions({ from: 1n, limit: 2 }), [1, 2]);
    assert.deepEqual(await versions({ backwards: true, limit: 2 }), [3, 2]);
    assert.deepEqual(await versions({ backwards: true, from: 1n }), [1, 0]);
    assert.deepEqual(await store.readStream('absent'), []);
  },
  'refuses an append whose expectation does not hold, and writes nothing of it': async (store) => {
    await store.append('s-1', 'none', [aNewEvent('a')]);
    for (const expected of ['none', 1n, 7n] as const) {
      await assert.rejects(store.append('s-1', expected, [aNewEvent(`b ${expected}`)]), (error) => {
        assert.ok(error instanceof ConflictError);
        assert.deepEqual([error.expected, error.actual], [expected, 0n]);
        return true;
      });
    }
    await assert.rejects(store.append('s-2', 'exists', [aNewEvent('c')]), ConflictError);
    await assert.rejects(store.append('s-2', 0n, [aNewEvent('c')]), ConflictError);
    await store.append('s-1', 'exists', [aNewEvent('d')]);
    await store.append('s-1', 'any', [aNewEvent('e')]);
    await store.append('s-2', 'any', [aNewEvent('f')]);
    assert.equal((await store.readAll()).events.length, 4);
  },
  'lets one of twenty writers at the same version win': async (store) => {
    await store.append('s-1', 'none', [aNewEvent('first')]);
    const writers = Array.from({ length: 20 }, (_, i) => store.append('s-1', 0n, [aNewEvent(`writer ${i}`)]));
    const outcomes = await Promise.allSettled(writers);
    assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1);
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    assert.ok(reasons.every((reason) => reason instanceof ConflictError));
    assert.equal((await store.readStream('s-1')).length, 2);
  },
  'takes a thousand parallel appends to a thousand streams': async (store) => {
    const appends = Array.from({ length: 1000 }, (_, i) => store.append(`p-${i}`, 'none', [aNewEvent(`c ${i}`)]));
    const results = await Promise.all(appends);
    assert.equal(new Set(results.map((result) => result.position)).size, 1000);
    assert.equal((await store.readAll({ limit: 2000 })).events.length, 1000);
  },
  'keeps all events of an append or none': async (store) => {
    await store.append('s-1', 'none', [aNewEvent('a', 1)]);
    // The second event is known already (in this stream), so the append is neither new nor a repetition.
    await assert.rejects(store.append('s-1', 0n, [aNewEvent('a', 0), aNewEvent('a', 1)]), ConflictError);
    await assert.rejects(store.append('s-2', 'none', [aNewEvent('b'), aNewEvent('a', 1)]), ConflictError);
    assert.equal((await store.readStream('s-1')).length, 1);
    assert.equal((await store.readStream('s-2')).length, 0);
  },
  'answers a repeated append as before, and writes it once': async (store) => {
    const batch = [aNewEvent('a', 0), aNewEvent('a', 1)];
    const first = await store.append('s-1', 'none', batch);
    await store.append('s-1', 1n, [aNewEvent('b')]);
    const again = await store.append('s-1', 'none', batch);
    assert.deepEqual(again, { ...first, deduplicated: true });
    const [one, two] = await Promise.all([
      store.append('t-1', 'none', [aNewEvent('c')]),
      store.append('t-1', 'none', [aNewEvent('c')]),
    ]);
    assert.deepEqual(
      [one.position, two.position, one.deduplicated, two.deduplicated],
      [one.position, one.position, false, true],
    );
    assert.equal((await store.readStream('s-1')).length, 3);
  },
  'refuses empty, too many and too large events': async (store) => {
    await assert.rejects(store.append('s-1', 'any', []), TooLargeError);
    await assert.rejects(
      store.append(
        's-1',
        'any',
        Array.from({ length: 101 }, (_, i) => aNewEvent('a', i)),
      ),
      TooLargeError,
    );
    await assert.rejects(store.append('s-1', 'any', [aNewEvent('a', 0, 'x'.repeat(1_100_000))]), TooLargeError);
    assert.equal((await store.readStream('s-1')).length, 0);
  },
  'orders the log by commit, and pages through it by prefix': async (store) => {
    for (let i = 0; i < 6; i++)
      await store.append(i % 2 === 0 ? `even-${i}` : `odd-${i}`, 'none', [aNewEvent(`c ${i}`)]);
    const page = await store.readAll({ prefixes: ['even-'], limit: 2 });
    assert.deepEqual(
      page.events.map((event) => event.stream),
      ['even-0', 'even-2'],
    );
    const rest = await store.readAll({ prefixes: ['even-'], after: page.scannedTo });
    assert.deepEqual(
      rest.events.map((event) => event.stream),
      ['even-4'],
    );
    assert.equal(rest.scannedTo, await store.head());
    const all = (await store.readAll()).events;
    assert.ok(all.every((event, i) => i === 0 || store.compare(all[i - 1]?.position ?? '', event.position) < 0));
    assert.deepEqual((await store.readAll({ prefixes: ['none-'] })).events, []);
    assert.ok(store.compare(store.start, all[0]?.position ?? '') < 0);
  },
  'follows the log, resumes after a position, and ends with its signal': async (store) => {
    await store.append('s-1', 'none', [aNewEvent('a', 0), aNewEvent('a', 1)]);
    const seen = await follow(store, {
      count: 4,
      onCaughtUp: () => store.append('s-2', 'none', [aNewEvent('b', 0), aNewEvent('b', 1)]),
    });
    assert.deepEqual(
      seen.map((event) => event.stream),
      ['s-1', 's-1', 's-2', 's-2'],
    );
    const resumed = await follow(store, { count: 1, after: seen[2]?.position });
    assert.deepEqual(
      resumed.map((event) => event.id),
      [seen[3]?.id],
    );
    const stopped = await follow(store, { count: 99, after: await store.head() });
    assert.deepEqual(stopped, []);
  },
  'refuses all after it was closed, and keeps what was asked for before': async (store) => {
    const pending = store.append('s-1', 'none', [aNewEvent('a')]);
    await store.close();
    assert.equal((await pending).version, 0n);
    await assert.rejects(store.append('s-1', 'any', [aNewEvent('b')]), StoreUnavailableError);
    await assert.rejects(store.readStream('s-1'), StoreUnavailableError);
  },
};

type Following = Readonly<{ count: number; after?: string | undefined; onCaughtUp?: () => Promise<unknown> }>;

/** Follows until so many events were seen, or until the store is caught up with nothing more to come. */
async function follow(store: EventStore, { count, after, onCaughtUp }: Following) {
  const stopping = new AbortController();
  const seen: Extract<SubscriptionItem, { kind: 'events' }>['events'][number][] = [];
  let isProvoked = false;
  for await (const item of store.subscribe({ after, signal: stopping.signal })) {
    if (item.kind === 'events') seen.push(...item.events);
    else if (onCaughtUp !== undefined && !isProvoked) {
      isProvoked = true;
      await onCaughtUp();
    } else stopping.abort();
    if (seen.length >= count) stopping.abort();
  }
  return seen;
}
