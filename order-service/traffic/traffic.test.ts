import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { send, startServices, type TestServices } from '../service/testing.ts';
import { auditMoney, auditStock, type Fact } from './audit-rules.ts';
import { audit } from './audit.ts';
import { Generator } from './generator.ts';
import { advance, askOf, beginJourney, type Journey } from './journey.ts';
import { readTrafficSettings } from './settings.ts';
import { Stats } from './stats.ts';

describe('the generator against the services', () => {
  let services: TestServices;
  before(async () => {
    services = await startServices({ PAY_FAIL_RATE: '0.1', PAY_DROP_AFTER_COMMIT: '0.1' });
  });
  after(() => services.close());

  it('places, pays, submits, searches and cancels, finds every answer right, and the audit finds the books equal', async () => {
    const generator = new Generator(readTrafficSettings({ ORDERS_URL: services.urls.orders, RATE: '80', SEED: '7' }));
    generator.start();
    const { stats } = generator;
    await eventually(() => {
      const { completed, cancelled } = stats.summary(new Date(), 1);
      return completed >= 5 && cancelled >= 1;
    }, 20_000);
    await generator.stop();
    const line = stats.summary(new Date(), 1);
    assert.deepEqual([line.wrong, line.lastWrong], [0, undefined]);
    assert.ok(line.ok >= 30, `only ${line.ok} requests`);
    assert.ok((line.versions['v1'] ?? 0) >= line.paid, JSON.stringify(line));
    assert.ok(line.firstOrderAt !== undefined && line.p99 >= line.p50);

    const { orders: ORDERS_URL, payments: PAYMENTS_URL, inventory: INVENTORY_URL } = services.urls;
    const where = { ORDERS_URL, PAYMENTS_URL, INVENTORY_URL, AUDIT_WAIT_MS: 20_000 };
    const report = await audit(where);
    assert.deepEqual(report.violations, []);
    assert.equal(report.money.orders.captured, report.money.payments.captured);
    assert.ok(Number(report.money.orders.captured) > 0 && report.orders >= line.placed);

    // Money that orders knows nothing of.
    const paymentId = '019a0f8a-0000-7000-8000-000000000001';
    const body = { paymentId, orderId: 'stray', amount: { currency: 'EUR', minor: '5' } };
    await eventually(async () => (await send('POST', `${PAYMENTS_URL}/payments`, { key: 'x', body })).status === 201);
    await eventually(
      async () => (await send('POST', `${PAYMENTS_URL}/payments/${paymentId}/capture`, { key: 'y' })).status === 200,
    );
    const unsound = await audit(where);
    assert.deepEqual(
      [unsound.isSound, unsound.violations],
      [false, ['order stray: payments captured 5, refunded 0; orders captured 0, refunded 0']],
    );
  });
});

describe('a journey', () => {
  const journey: Journey = beginJourney('run-1', () => 0.5);

  it('sends a change under the same key on every try, and gives up in the end', () => {
    const failed = advance(journey, { status: 503, body: {} });
    assert.ok(failed.next !== undefined && failed.delayMs > 0);
    assert.deepEqual(askOf(failed.next), askOf(journey));
    assert.equal(askOf(journey).key, 'run-1:place');
    assert.equal(advance({ ...journey, tries: 39 }, { status: 0, body: {} }).ended, 'given_up');
  });

  it('notices an answer that is not right', () => {
    assert.match(advance(journey, { status: 200, body: {} }).wrong ?? '', /place answered 200/);
    const look = { ...journey, step: 'look' as const, orderId: 'o-1' };
    assert.match(advance(look, { status: 200, body: { id: 'o-2' } }).wrong ?? '', /for order o-2/);
    assert.match(
      advance(look, { status: 200, body: { id: 'o-1', total: { minor: '1' } } }).wrong ?? '',
      /the total is 1/,
    );
    const pay = { ...look, step: 'pay' as const };
    assert.match(
      advance(pay, { status: 200, body: { id: 'o-1', status: 'draft' } }).wrong ?? '',
      /after pay the order is draft/,
    );
  });
});

describe('the audit', () => {
  const captured = (stream: string, minor: string): Fact => ({
    stream,
    type: 'PaymentCaptured',
    data: { orderId: 'o', amount: { minor } },
  });

  it('finds money that was captured twice, or differs', () => {
    assert.deepEqual(auditMoney([captured('order-o', '5')], [captured('payment-p', '5')]).violations, []);
    const twice = auditMoney(
      [captured('order-o', '5')],
      [captured('payment-p', '5'), captured('payment-q', '5')],
    ).violations;
    assert.deepEqual(twice, [
      'order o: captured 2 times',
      'order o: payments captured 10, refunded 0; orders captured 5, refunded 0',
    ]);
  });

  it('finds stock below zero and reservations made twice', () => {
    const reserved = (quantity: number): Fact => ({
      stream: 'w',
      type: 'StockReserved',
      data: { reservationId: 'r', lines: [{ sku: 'a', quantity }] },
    });
    const received: Fact = { stream: 'w', type: 'StockReceived', data: { sku: 'a', quantity: 5 } };
    assert.deepEqual(auditStock([received, reserved(5)]).violations, []);
    assert.match(auditStock([received, reserved(6)]).violations.join(), /below zero/);
    assert.match(auditStock([received, reserved(1), reserved(1)]).violations.join(), /made twice/);
  });
});

describe('the statistics', () => {
  it('count each second by itself and orders from the start', () => {
    const stats = new Stats();
    const at = new Date('2026-01-01T00:00:00.000Z');
    for (let ms = 1; ms <= 100; ms++) stats.add({ step: 'place', status: 201, ms, isOk: true }, at);
    stats.add({ step: 'pay', status: 200, ms: 5, isOk: true, paymentsVersion: 'v2' }, at);
    stats.add({ step: 'pay', status: 503, ms: 5, isOk: false }, at);
    const line = stats.takeLine(at, 1);
    assert.deepEqual([line.rps, line.ok, line.failed, line.placed, line.paid], [102, 101, 1, 100, 1]);
    assert.deepEqual(
      [line.statuses, line.versions, line.firstOrderAt],
      [{ 200: 1, 201: 100, 503: 1 }, { v2: 1 }, at.toISOString()],
    );
    assert.ok(line.p50 >= 48 && line.p50 <= 52 && line.p99 >= 98);
    const next = stats.takeLine(at, 1);
    assert.deepEqual([next.rps, next.placed], [0, 100]);
  });
});
