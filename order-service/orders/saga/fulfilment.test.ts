import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { Database } from '../../eventstore/sqlite/database.ts';
import { SqliteSink } from '../../eventstore/sqlite/sqlite-sink.ts';
import { SqliteStore } from '../../eventstore/sqlite/sqlite-store.ts';
import type { CallContext } from '../../service/call-context.ts';
import { moneyOf } from '../../service/money.ts';
import { ProblemError } from '../../service/problem.ts';
import type { InventoryGateway } from '../app/inventory-gateway.ts';
import { Orders } from '../app/orders.ts';
import { PayOrder } from '../app/pay.ts';
import type { PaymentsGateway, PaymentStep } from '../app/payments-gateway.ts';
import { workProjection } from '../projections/orders-projections.ts';
import { Fulfilment } from './fulfilment.ts';
import { SqliteWorkList } from './work-list.ts';

const call: CallContext = { requestId: 'r', traceparent: `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`, actor: 'test' };
const lines = [{ sku: 's', title: 't', quantity: 1, unitPrice: moneyOf('EUR', 500n) }];
const order = {
  customerId: 'c',
  email: 'a@example.com',
  address: { lines: ['x'] },
  channel: 'web',
  currency: 'EUR',
  lines,
};

/** Payments and inventory that do what they are asked, keep the books, and can be told to fail. */
class FakeWorld {
  readonly calls: string[] = [];
  /** How often each call fails: before the work is done, or after (so that only the answer is lost). */
  readonly before = new Map<string, number>();
  readonly after = new Map<string, number>();
  readonly payments = new Map<string, string>();
  captures = 0;
  held = 0;
  isOutOfStock = false;

  readonly gateway: PaymentsGateway = {
    authorize: ({ paymentId, amount }) =>
      this.#act('authorize', () => {
        if (this.payments.get(paymentId) === 'voided') return { kind: 'declined', code: 'voided' } as const;
        this.payments.set(paymentId, 'authorized');
        return { kind: 'authorized', authorizationId: 'a', amount, servedBy: 'v1' } as const;
      }),
    find: ({ paymentId }: PaymentStep) =>
      this.#act('find', () => {
        const status = this.payments.get(paymentId);
        if (status === 'authorized')
          return { kind: 'authorized', authorizationId: 'a', amount: moneyOf('EUR', 500n) } as const;
        return { kind: status === undefined ? 'absent' : 'voided' } as const;
      }),
    capture: ({ paymentId }) =>
      this.#act('capture', () => {
        if (this.payments.get(paymentId) === 'authorized') this.captures++;
        this.payments.set(paymentId, 'captured');
      }),
    void: ({ paymentId }) =>
      this.#act('void', () => {
        if (this.payments.get(paymentId) === 'captured') return 'captured' as const;
        this.payments.set(paymentId, 'voided');
        return 'voided' as const;
      }),
    refund: ({ paymentId }) =>
      this.#act('refund', () => {
        this.payments.set(paymentId, 'refunded');
        return { refundId: 'f' };
      }),
  };

  readonly stock: InventoryGateway = {
    reserve: ({ orderId }) =>
      this.#act('reserve', () => {
        if (this.isOutOfStock) return { kind: 'rejected', missing: [{ sku: 's', wanted: 1, free: 0 }] } as const;
        this.held = 1;
        return { kind: 'reserved', reservationId: orderId } as const;
      }),
    confirm: () => this.#act('confirm', () => undefined),
    release: () =>
      this.#act('release', () => {
        this.held = 0;
      }),
  };

  async #act<T>(name: string, work: () => T): Promise<T> {
    this.calls.push(name);
    this.#fail(this.before, name);
    const result = work();
    this.#fail(this.after, name);
    return result;
  }

  #fail(counts: Map<string, number>, name: string): void {
    const left = counts.get(name) ?? 0;
    counts.set(name, left - 1);
    if (left > 0) throw new ProblemError('deadline', `${name} timed out`);
  }
}

function start(
  context: TestContext,
  world: FakeWorld,
  more: { isAutoComplete?: boolean; resolveAfterMs?: number } = {},
) {
  const { isAutoComplete = true, resolveAfterMs = 60_000 } = more;
  const database = new Database(':memory:');
  const store = new SqliteStore(database);
  const orders = new Orders({ store, version: 'test' });
  const work = new SqliteWorkList(database);
  const errors: unknown[] = [];
  const common = { isAutoComplete, now: Date.now };
  const saga = new Fulfilment({
    ...common,
    orders,
    work,
    payments: world.gateway,
    inventory: world.stock,
    concurrency: 4,
    onStep: () => undefined,
    onError: (error) => errors.push(error),
  });
  const sink = new SqliteSink(database, 'fulfilment@1', work);
  const rules = { ...common, resolveAfterMs, wake: () => saga.wake() };
  const projection = workProjection({ store, orders, onError: (error) => errors.push(error) }, sink, rules);
  projection.start();
  saga.start();
  context.after(async () => {
    await saga.stop();
    await projection.stop();
    await store.close();
    database.close();
    assert.deepEqual(errors, []);
  });
  return { orders, pay: new PayOrder(orders, world.gateway), work };
}

type Started = ReturnType<typeof start>;

async function submitted({ orders, pay }: Started): Promise<string> {
  const { id } = await orders.place(order, { key: 'k', call });
  await pay.pay(id, { key: 'p', call });
  await orders.change(id, { kind: 'submit' }, { key: 's', call }, {});
  return id;
}

async function settled({ orders, work }: Started, id: string) {
  return eventually(
    async () => {
      const { state } = await orders.load(id);
      const { open } = await work.report();
      return open === 0 && (state.status === 'completed' || state.status === 'cancelled') && state;
    },
    5000,
    5,
  );
}

describe('the saga', () => {
  it('reserves, captures, confirms and completes', async (context) => {
    const world = new FakeWorld();
    const services = start(context, world);
    const state = await settled(services, await submitted(services));
    assert.ok(state && state.status === 'completed');
    assert.deepEqual(world.calls, ['authorize', 'reserve', 'capture', 'confirm']);
  });

  it('repeats what timed out, whether it had been done or not, and captures once', async (context) => {
    const world = new FakeWorld();
    for (const step of ['reserve', 'capture', 'confirm']) {
      world.before.set(step, 1);
      world.after.set(step, 1);
    }
    const services = start(context, world);
    const state = await settled(services, await submitted(services));
    assert.ok(state && state.status === 'completed');
    assert.equal(world.captures, 1);
    assert.deepEqual(world.calls.slice(1), [
      'reserve',
      'reserve',
      'reserve',
      'capture',
      'capture',
      'capture',
      'confirm',
      'confirm',
      'confirm',
    ]);
  });

  it('voids the payment of an order that cannot be served', async (context) => {
    const world = new FakeWorld();
    world.isOutOfStock = true;
    const services = start(context, world);
    const state = await settled(services, await submitted(services));
    assert.ok(state && state.status === 'cancelled');
    assert.deepEqual(
      [state.payment.status, state.stock.status, state.cancelReason],
      ['voided', 'rejected', 'out of stock'],
    );
    assert.equal(world.captures, 0);
  });

  it('releases and refunds an order that is cancelled after it was captured', async (context) => {
    const world = new FakeWorld();
    const services = start(context, world, { isAutoComplete: false });
    const id = await submitted(services);
    await eventually(async () => (await services.orders.load(id)).state.stock.status === 'confirmed', 5000, 5);
    await services.orders.change(id, { kind: 'cancel', reason: 'no', by: 'me' }, { key: 'c', call }, {});
    const state = await settled(services, id);
    assert.ok(state && state.status === 'cancelled');
    assert.deepEqual([state.payment.status, state.stock.status, world.held], ['refunded', 'released', 0]);
  });

  it('releases a reservation of which only the answer was lost', async (context) => {
    const world = new FakeWorld();
    world.after.set('reserve', 99);
    const services = start(context, world);
    const id = await submitted(services);
    await eventually(() => world.calls.includes('reserve'), 5000, 5);
    await services.orders.change(id, { kind: 'cancel', reason: 'no', by: 'me' }, { key: 'c', call }, {});
    const state = await settled(services, id);
    assert.ok(state && state.status === 'cancelled');
    assert.deepEqual([state.stock.status, state.payment.status, world.held], ['released', 'voided', 0]);
  });
});

describe('paying', () => {
  it('asks what became of an authorization whose answer was lost', async (context) => {
    const world = new FakeWorld();
    world.after.set('authorize', 1);
    const services = start(context, world);
    const { id } = await services.orders.place(order, { key: 'k', call });
    const receipt = await services.pay.pay(id, { key: 'p', call });
    assert.equal(receipt.state.status, 'paid');
    assert.deepEqual(world.calls, ['authorize', 'find']);
  });

  it('tells the caller that the outcome is unknown, and the same key goes on from there', async (context) => {
    const world = new FakeWorld();
    world.before.set('authorize', 1);
    const services = start(context, world);
    const { id } = await services.orders.place(order, { key: 'k', call });
    await assert.rejects(
      services.pay.pay(id, { key: 'p', call }),
      (error) => error instanceof ProblemError && error.code === 'deadline',
    );
    const receipt = await services.pay.pay(id, { key: 'p', call });
    assert.equal(receipt.state.status, 'paid');
    assert.equal(world.payments.size, 1);
  });

  it('is settled by the saga when nobody asks again: what payments does not know is voided', async (context) => {
    const world = new FakeWorld();
    world.before.set('authorize', 1);
    const services = start(context, world, { resolveAfterMs: 100 });
    const { id } = await services.orders.place(order, { key: 'k', call });
    await assert.rejects(services.pay.pay(id, { key: 'p', call }));
    await eventually(async () => (await services.orders.load(id)).state.status === 'draft', 5000, 5);
    await assert.rejects(
      services.pay.pay(id, { key: 'p', call }),
      (error) => error instanceof ProblemError && error.code === 'payment_declined',
    );
    assert.equal((await services.pay.pay(id, { key: 'p2', call })).state.status, 'paid');
    assert.deepEqual([...world.payments.values()], ['voided', 'authorized']);
  });

  it('asks once when the same request comes many times at once', async (context) => {
    const world = new FakeWorld();
    const services = start(context, world);
    const { id } = await services.orders.place(order, { key: 'k', call });
    const receipts = await Promise.all(Array.from({ length: 10 }, () => services.pay.pay(id, { key: 'p', call })));
    assert.deepEqual(new Set(receipts.map((receipt) => receipt.version)), new Set([2n]));
    assert.deepEqual(world.calls, ['authorize']);
  });
});
