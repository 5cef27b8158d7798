import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { moneyOf } from '../../service/money.ts';
import { totalOf, type LineRequest } from './cart.ts';
import type { OrderEvent } from './events.ts';
import { orderCodec } from './events.ts';
import type { OrderCommand } from './order-command.ts';
import { decideOrder, orderDecider } from './order-decider.ts';
import { evolveOrder, noOrder, type OrderState, type OrderStatus } from './order-state.ts';

const aLine = (more: Partial<LineRequest> = {}): LineRequest => ({
  sku: 'sku-1',
  title: 'A lamp',
  quantity: 2,
  unitPrice: moneyOf('EUR', 1999n),
  ...more,
});

const place: OrderCommand = {
  kind: 'place',
  order: {
    customerId: 'c',
    email: 'a@example.com',
    address: { lines: ['x'] },
    channel: 'web',
    currency: 'EUR',
    lines: [aLine()],
  },
};
const amount = moneyOf('EUR', 3998n);
const commands = {
  place,
  changeCart: { kind: 'changeCart', lines: [aLine({ quantity: 3 })] },
  changeAddress: { kind: 'changeAddress', address: { lines: ['y'] } },
  requestPayment: { kind: 'requestPayment', paymentId: 'p' },
  submit: { kind: 'submit' },
  complete: { kind: 'complete', deliveredAt: '2026-01-01T00:00:00.000Z' },
  cancel: { kind: 'cancel', reason: 'why not', by: 'me' },
  recordAuthorized: { kind: 'recordAuthorized', paymentId: 'p', authorizationId: 'a', amount },
  recordDeclined: { kind: 'recordDeclined', paymentId: 'p', code: 'no' },
  recordReserved: { kind: 'recordReserved', reservationId: 'r' },
  recordRejected: { kind: 'recordRejected', missing: [] },
  recordCaptured: { kind: 'recordCaptured', paymentId: 'p' },
  recordConfirmed: { kind: 'recordConfirmed' },
  recordReleased: { kind: 'recordReleased' },
  recordVoided: { kind: 'recordVoided', paymentId: 'p' },
  recordRefunded: { kind: 'recordRefunded', paymentId: 'p', refundId: 'f' },
  finishCancellation: { kind: 'finishCancellation' },
} as const satisfies Record<string, OrderCommand>;
type Name = keyof typeof commands;

function run(...names: readonly Name[]): { state: OrderState; events: OrderEvent[] } {
  let state = noOrder;
  const events: OrderEvent[] = [];
  for (const name of names) {
    const decision = decideOrder(state, commands[name]);
    assert.ok(decision.ok, `${name} is refused in state ${state.status}`);
    events.push(...decision.events);
    state = decision.events.reduce(evolveOrder, state);
  }
  return { state, events };
}

const paid = ['place', 'requestPayment', 'recordAuthorized'] as const;
const captured = [...paid, 'submit', 'recordReserved', 'recordCaptured'] as const;
/** Histories by name, and what customers may do after each. */
const table: Record<string, { history: readonly Name[]; status: OrderStatus; allowed: readonly Name[] }> = {
  nothing: { history: [], status: 'none', allowed: ['place'] },
  draft: { history: ['place'], status: 'draft', allowed: ['changeCart', 'changeAddress', 'requestPayment', 'cancel'] },
  requested: { history: ['place', 'requestPayment'], status: 'awaiting_payment', allowed: ['changeAddress', 'cancel'] },
  declined: {
    history: ['place', 'requestPayment', 'recordDeclined'],
    status: 'draft',
    allowed: ['changeCart', 'changeAddress', 'requestPayment', 'cancel'],
  },
  paid: { history: paid, status: 'paid', allowed: ['changeAddress', 'submit', 'cancel'] },
  submitted: { history: [...paid, 'submit'], status: 'submitted', allowed: ['cancel'] },
  captured: { history: captured, status: 'submitted', allowed: ['cancel'] },
  confirmed: { history: [...captured, 'recordConfirmed'], status: 'submitted', allowed: ['complete', 'cancel'] },
  rejected: { history: [...paid, 'submit', 'recordRejected'], status: 'cancelling', allowed: [] },
  cancelling: { history: [...captured, 'cancel'], status: 'cancelling', allowed: [] },
  completed: { history: [...captured, 'recordConfirmed', 'complete'], status: 'completed', allowed: [] },
  cancelled: {
    history: [...captured, 'cancel', 'recordReleased', 'recordRefunded', 'finishCancellation'],
    status: 'cancelled',
    allowed: [],
  },
};
const customerCommands = [
  'place',
  'changeCart',
  'changeAddress',
  'requestPayment',
  'submit',
  'complete',
  'cancel',
] as const;

describe('an order', () => {
  for (const [name, { history, status, allowed }] of Object.entries(table)) {
    it(`that is ${name} is ${status} and allows: ${allowed.join(', ') || 'nothing'}`, () => {
      const { state } = run(...history);
      assert.equal(state.status, status);
      assert.deepEqual(
        customerCommands.filter((command) => decideOrder(state, commands[command]).ok),
        allowed,
      );
    });
  }

  it('refuses with a code that tells not found from a wrong state', () => {
    const code = (state: OrderState, name: Name) => {
      const decision = decideOrder(state, commands[name]);
      return decision.ok ? undefined : decision.refusal.code;
    };
    assert.equal(code(noOrder, 'submit'), 'not_found');
    assert.equal(code(run('place').state, 'submit'), 'order_state');
    assert.equal(code(run(...paid, 'submit').state, 'recordConfirmed'), 'stale');
  });

  it('merges lines of one sku and names every problem of a cart', () => {
    const order = { ...place.order, lines: [aLine(), aLine({ quantity: 5 }), aLine({ sku: 'sku-2', quantity: 1 })] };
    const placed = decideOrder(noOrder, { kind: 'place', order });
    assert.ok(placed.ok && placed.events[0]?.type === 'OrderPlaced');
    assert.deepEqual(
      placed.events[0].data.lines.map(({ lineId, quantity }) => [lineId, quantity]),
      [
        ['L1', 7],
        ['L2', 1],
      ],
    );

    const lines = [
      aLine({ unitPrice: moneyOf('USD', 1n) }),
      aLine({ sku: 's', quantity: 1001 }),
      aLine({ sku: 't', unitPrice: moneyOf('EUR', -1n) }),
    ];
    const refused = decideOrder(noOrder, { kind: 'place', order: { ...place.order, lines } });
    assert.ok(!refused.ok);
    const problems = refused.refusal.extra?.['problems'] as { path: string }[];
    assert.deepEqual(
      problems.map((problem) => problem.path),
      ['lines[0].unitPrice.currency', 'lines[1].quantity', 'lines[2].unitPrice.minor'],
    );
    assert.ok(
      !decideOrder(noOrder, {
        kind: 'place',
        order: { ...place.order, lines: [aLine({ unitPrice: moneyOf('EUR', 10n ** 15n) })] },
      }).ok,
    );
    assert.ok(!decideOrder(noOrder, { kind: 'place', order: { ...place.order, lines: [] } }).ok);
  });

  it('takes an answer of payments only for the payment and the amount that it asked for', () => {
    const { state } = run('place', 'requestPayment');
    assert.ok(!decideOrder(state, { ...commands.recordAuthorized, paymentId: 'other' }).ok);
    assert.ok(!decideOrder(state, { ...commands.recordAuthorized, amount: moneyOf('EUR', 1n) }).ok);
    assert.deepEqual(decideOrder(run(...paid).state, commands.recordAuthorized), { ok: true, events: [] });
  });

  it('keeps its invariants whatever is asked in whatever order (I1 to I8)', () => {
    const names = Object.keys(commands) as Name[];
    const likely = [
      'place',
      'requestPayment',
      'recordAuthorized',
      'submit',
      'recordReserved',
      'recordCaptured',
    ] as const;
    const tails = fc.array(fc.constantFrom(...names), { maxLength: 20 });
    const histories = fc.tuple(fc.nat(likely.length), tails).map(([n, tail]) => [...likely.slice(0, n), ...tail]);
    fc.assert(
      fc.property(histories, (history) => checkInvariants(history)),
      { numRuns: 5000, seed: 20_260_101 },
    );
  });
});

/** After a terminal event only these may come. */
const afterwards = new Set(['PaymentRefunded', 'PaymentVoided', 'StockReleased']);

function checkInvariants(history: readonly Name[]): void {
  let state = noOrder;
  const events: OrderEvent[] = [];
  for (const name of history) {
    const before = state;
    const decision = decideOrder(state, commands[name]);
    if (!decision.ok) continue;
    for (const event of decision.events) {
      assert.equal(event.type === 'OrderPlaced', events.length === 0, 'I1: placed first, and once');
      if (before.status === 'completed' || before.status === 'cancelled') assert.ok(afterwards.has(event.type), 'I2');
      if (event.type === 'PaymentRequested') {
        assert.deepEqual(event.data.amount, before.total, 'I3: the amount is the total');
        assert.ok(!['requested', 'authorized', 'captured'].includes(before.payment.status), 'I3: one live payment');
      }
      if (event.type === 'CartChanged') assert.equal(before.status, 'draft', 'I4');
      if (event.type === 'OrderSubmitted') assert.equal(before.payment.status, 'authorized', 'I5');
      if (event.type === 'OrderCompleted')
        assert.deepEqual([before.payment.status, before.wasSubmitted], ['captured', true], 'I5');
      if (event.type === 'OrderCancelled')
        assert.ok(!['requested', 'authorized', 'captured'].includes(before.payment.status), 'I6');
      if (event.type === 'PaymentRefunded') assert.deepEqual(event.data.amount, before.payment.amount, 'I6');
      if (event.type === 'DeliveryAddressChanged') assert.equal(before.wasSubmitted, false, 'I8');
      events.push(event);
      state = orderDecider.evolve(state, event);
    }
    assert.deepEqual(state.total, totalOf(state.total.currency, state.lines), 'I7: the total is the sum');
  }
  const written = events.map(
    (event) => JSON.parse(JSON.stringify(orderCodec.encode(event))) as Parameters<typeof orderCodec.decode>[0],
  );
  assert.deepEqual(
    written.map((event) => orderCodec.decode(event)!).reduce(evolveOrder, noOrder),
    state,
    'written and read it is the same',
  );
}
