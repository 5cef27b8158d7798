import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { WarehouseCommand, WarehouseEvent, WarehouseState } from './warehouse.ts';
import { findReservation, warehouseDecider } from './warehouse.ts';

const reserve = (reservationId: string, ...lines: [string, number][]): WarehouseCommand => ({
  kind: 'reserve',
  reservationId,
  lines: lines.map(([sku, quantity]) => ({ sku, quantity })),
  openingStock: 10,
});

function run(commands: readonly WarehouseCommand[]): {
  state: WarehouseState;
  events: WarehouseEvent[];
  codes: string[];
} {
  let state = warehouseDecider.initial;
  const events: WarehouseEvent[] = [];
  const codes: string[] = [];
  for (const command of commands) {
    const decision = warehouseDecider.decide(state, command);
    codes.push(decision.ok ? 'ok' : decision.refusal.code);
    if (!decision.ok) continue;
    events.push(...decision.events);
    state = decision.events.reduce((now, event) => warehouseDecider.evolve(now, event), state);
  }
  return { state, events, codes };
}

describe('the warehouse', () => {
  it('reserves all lines or none, and says what is missing', () => {
    const { state, codes } = run([reserve('r1', ['a', 4], ['b', 10]), reserve('r2', ['a', 6], ['b', 1])]);
    assert.deepEqual(codes, ['ok', 'out_of_stock']);
    assert.deepEqual(Object.fromEntries(state.stock), {
      a: { free: 6, reserved: 4, sold: 0 },
      b: { free: 0, reserved: 10, sold: 0 },
    });
    const decision = warehouseDecider.decide(state, reserve('r3', ['b', 2], ['b', 1]));
    assert.deepEqual(decision.ok ? undefined : decision.refusal.extra, { missing: [{ sku: 'b', wanted: 3, free: 0 }] });
  });

  it('changes nothing when a step is repeated', () => {
    const steps = [
      reserve('r', ['a', 4]),
      { kind: 'confirm', reservationId: 'r' },
      { kind: 'release', reservationId: 'r' },
    ] as const;
    const once = run(steps);
    const twice = run(steps.flatMap((step) => [step, step]));
    assert.deepEqual(twice.events, once.events);
    assert.deepEqual(Object.fromEntries(once.state.stock), { a: { free: 10, reserved: 0, sold: 0 } });
  });

  it('refuses a reservation that arrives after its release', () => {
    const { state, codes } = run([
      { kind: 'release', reservationId: 'r' },
      reserve('r', ['a', 1]),
      { kind: 'confirm', reservationId: 'x' },
    ]);
    assert.deepEqual(codes, ['ok', 'reservation_state', 'not_found']);
    assert.equal(findReservation(state, 'r')?.status, 'released');
  });

  it('never holds less than nothing, nor more or less than it received (I14)', () => {
    const ids = fc.constantFrom('r1', 'r2', 'r3', 'r4');
    const skus = fc.constantFrom('a', 'b', 'c');
    const command: fc.Arbitrary<WarehouseCommand> = fc.oneof(
      fc.record({ kind: fc.constant('receive' as const), sku: skus, quantity: fc.integer({ min: 1, max: 5 }) }),
      fc
        .tuple(ids, fc.array(fc.tuple(skus, fc.integer({ min: 1, max: 6 })), { minLength: 1, maxLength: 3 }))
        .map(([id, lines]) => reserve(id, ...lines)),
      ids.map((reservationId) => ({ kind: 'confirm' as const, reservationId })),
      ids.map((reservationId) => ({ kind: 'release' as const, reservationId })),
    );
    const property = fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      const { state, events } = run(commands);
      for (const [sku, { free, reserved, sold }] of state.stock) {
        assert.ok(Math.min(free, reserved, sold) >= 0, `${sku}: ${free} ${reserved} ${sold}`);
        const received = events.reduce(
          (sum, e) => sum + (e.type === 'StockReceived' && e.data.sku === sku ? e.data.quantity : 0),
          0,
        );
        assert.equal(free + reserved + sold, received);
      }
    });
    fc.assert(property, { numRuns: 3000, seed: 20_260_102 });
  });
});
