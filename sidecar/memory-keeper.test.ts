import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { MemoryKeeper } from './memory-keeper.ts';

const megabyte = 1024 * 1024;

async function setUp() {
  const clock = new FakeClock();
  const state = { resident: 100 * megabyte, served: 0, settled: 0 };
  const keeper = new MemoryKeeper({
    clock,
    settle: async () => {
      state.settled++;
      state.resident = 60 * megabyte;
    },
    residentBytes: () => state.resident,
    served: () => state.served,
  });
  await keeper.configured();
  return { clock, state, keeper };
}

test('the first configuration waits until memory is given back', async () => {
  const { state, clock } = await setUp();
  assert.equal(state.settled, 1);
  assert.equal(clock.pending, 0);
});

test('after a later one memory is given back once it was quiet, if that is worth it', async () => {
  const { state, clock, keeper } = await setUp();
  state.resident += 20 * megabyte;
  await keeper.configured();
  await keeper.configured();
  assert.equal(clock.pending, 1);
  clock.advance(4999);
  assert.equal(state.settled, 1);
  clock.advance(1);
  assert.equal(state.settled, 2);
  assert.equal(clock.pending, 0);
});

test('little is left as it is', async () => {
  const { state, clock, keeper } = await setUp();
  state.resident += 15 * megabyte;
  await keeper.configured();
  clock.advance(60_000);
  assert.equal(state.settled, 1);
  assert.equal(clock.pending, 0);
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

test('once closed it does nothing more', async () => {
  const { state, clock, keeper } = await setUp();
  state.resident += 20 * megabyte;
  await keeper.configured();
  keeper.close();
  clock.advance(60_000);
  assert.equal(state.settled, 1);
});
