import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { MemoryKeeper } from './memory-keeper.ts';

const megabyte = 1024 * 1024;

async function setUp(heapBytes = 100 * megabyte) {
  const clock = new FakeClock();
  const state = { resident: 100 * megabyte, served: 0, released: 0, settled: 0, trims: [] as number[] };
  const start = clock.now();
  const keeper = new MemoryKeeper({
    clock,
    memory: {
      settle: async () => {
        state.settled++;
        state.resident = 60 * megabyte;
      },
      release: async () => {
        state.released++;
      },
      trim: () => state.trims.push(clock.now() - start),
      heapBytes,
      get residentBytes() {
        return state.resident;
      },
    },
    served: () => state.served,
  });
  await keeper.configured();
  return { clock, state, keeper };
}

test('the first configuration waits until memory is given back', async () => {
  const { state, clock } = await setUp();
  assert.equal(state.settled, 1);
  assert.equal(clock.pending, 1);
});

test('a small one does not: pages go back after five seconds, the rest as soon as nothing is served for ten', async () => {
  const { state, clock, keeper } = await setUp(19 * megabyte);
  await keeper.configured();
  clock.advance(4999);
  assert.equal(state.released, 0);
  clock.advance(1);
  state.served++;
  clock.advance(10_000);
  assert.deepEqual([state.released, state.settled], [1, 0]);
  clock.advance(9999);
  assert.equal(state.settled, 0);
  clock.advance(1);
  assert.equal(state.settled, 1);
  clock.advance(60_000);
  assert.deepEqual([state.released, state.settled], [1, 1]);
});

test('after a later one memory is given back once it was quiet, if that is worth it', async () => {
  const { state, clock, keeper } = await setUp();
  state.resident += 20 * megabyte;
  await keeper.configured();
  await keeper.configured();
  assert.equal(clock.pending, 2);
  clock.advance(4999);
  assert.equal(state.settled, 1);
  clock.advance(1);
  assert.equal(state.settled, 2);
  assert.equal(clock.pending, 1);
});

test('little is left as it is', async () => {
  const { state, clock, keeper } = await setUp();
  state.resident += 15 * megabyte;
  await keeper.configured();
  clock.advance(60_000);
  assert.equal(state.settled, 1);
  assert.equal(clock.pending, 1);
});

test('nobody is made to wait: while something is served, memory stays', async () => {
  const { state, clock, keeper } = await setUp();
  state.resident += 20 * megabyte;
  await keeper.configured();
  for (let n = 0; n < 10; n++) {
    state.served++;
    clock.advance(5000);
  }
  assert.equal(state.settled, 1);
  clock.advance(5000);
  assert.equal(state.settled, 2);
});

test('is trimmed now and then, less and less often, and hourly at last', async () => {
  const { state, clock } = await setUp();
  clock.advance(60_000);
  assert.deepEqual(state.trims, [4000, 12_000, 28_000, 60_000]);
  clock.advance(24 * 3_600_000);
  assert.equal((state.trims.at(-1) ?? 0) - (state.trims.at(-2) ?? 0), 3_600_000);
  assert.equal(state.settled, 1);
});

test('once closed it does nothing more', async () => {
  const { state, clock, keeper } = await setUp();
  state.resident += 20 * megabyte;
  await keeper.configured();
  keeper.close();
  assert.equal(clock.pending, 0);
});
