import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunningService } from '../service/run-service.ts';
import { send, testSettings } from '../service/testing.ts';
import { build } from './app.ts';
import { readPaymentsSettings } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-payments-'));
const services: RunningService[] = [];
let [v1, v2] = ['', ''];

before(async () => {
  for (const version of ['v1', 'v2']) {
    services.push(await build(readPaymentsSettings({ ...testSettings, DATA_DIR: folder, APP_VERSION: version })));
  }
  [v1, v2] = services.map((service) => `http://127.0.0.1:${service.ports['http']}/payments`) as [string, string];
});
after(async () => {
  for (const service of services) await service.close();
  rmSync(folder, { recursive: true });
});

const aPayment = () => ({ paymentId: randomUUID(), orderId: 'o-1', amount: { currency: 'EUR', minor: '500' } });

async function factsOf(paymentId: string): Promise<string[]> {
  const log = await send('GET', `${v1.replace('/payments', '')}/admin/log?limit=1000`);
  const events = log.body['events'] as { stream: string; type: string }[];
  return events.filter((event) => event.stream === `payment-${paymentId}`).map((event) => event.type);
}

describe('payments in two versions on one file', () => {
  it('tell which of them answered, and differ in what they show', async () => {
    const [one, two] = [await send('POST', v1, { body: aPayment() }), await send('POST', v2, { body: aPayment() })];
    assert.deepEqual(
      [one, two].map((answer) => [answer.status, answer.headers.get('x-version'), answer.body['processor']]),
      [
        [201, 'v1', 'tulip-pay/v1'],
        [201, 'v2', 'tulip-pay/v2'],
      ],
    );
  });

  it('carry out a key once, also when both get it at the same time', async () => {
    for (let i = 0; i < 10; i++) {
      const body = aPayment();
      const key = randomUUID();
      const [one, two] = await Promise.all([send('POST', v1, { key, body }), send('POST', v2, { key, body })]);
      assert.deepEqual([one.status, two.status], [201, 201]);
      assert.deepEqual(one.body, two.body);
      const captures = await Promise.all(
        [v1, v2, v1].map((url) => send('POST', `${url}/${body.paymentId}/capture`, { key: 'c' })),
      );
      assert.deepEqual(
        captures.map((answer) => answer.status),
        [200, 200, 200],
      );
      assert.deepEqual(await factsOf(body.paymentId), ['PaymentAuthorized', 'PaymentCaptured']);
    }
  });

  it('never capture twice, whatever the keys are', async () => {
    const body = aPayment();
    await send('POST', v1, { body });
    const captures = await Promise.all(
      Array.from({ length: 10 }, (_, i) => send('POST', `${i % 2 === 0 ? v1 : v2}/${body.paymentId}/capture`)),
    );
    assert.deepEqual(
      captures.map((answer) => answer.status).sort((a, b) => a - b),
      [200, ...Array.from({ length: 9 }, () => 409)],
    );
    assert.deepEqual(await factsOf(body.paymentId), ['PaymentAuthorized', 'PaymentCaptured']);
  });
});

describe('a payment', () => {
  it('is refunded once, in full, and only after it was captured', async () => {
    const body = aPayment();
    await send('POST', v1, { body });
    const refund = (key?: string) => send('POST', `${v2}/${body.paymentId}/refund`, key === undefined ? {} : { key });
    assert.equal((await refund()).status, 409);
    await send('POST', `${v1}/${body.paymentId}/capture`);
    assert.deepEqual(
      [(await refund('r')).status, (await refund('r')).status, (await refund()).status],
      [200, 200, 409],
    );
    assert.equal((await send('GET', `${v1}/${body.paymentId}`)).body['status'], 'refunded');
  });

  it('that was voided before it was asked for is refused when the late request arrives', async () => {
    const body = aPayment();
    assert.equal((await send('POST', `${v1}/${body.paymentId}/void`)).body['status'], 'voided');
    const late = await send('POST', v1, { body });
    assert.deepEqual([late.status, late.body['code']], [409, 'payment_state']);
  });

  it('above the limit is declined, and stays so', async () => {
    const body = { ...aPayment(), amount: { currency: 'EUR', minor: '1000000001' } };
    for (let i = 0; i < 2; i++) {
      const declined = await send('POST', v1, { key: 'same', body });
      assert.deepEqual([declined.status, declined.body['declineCode']], [402, 'limit_exceeded']);
    }
    assert.deepEqual(await factsOf(body.paymentId), ['PaymentDeclined']);
  });
});

describe('the faults of payments', () => {
  const chaos = (body: object) => send('PUT', `${v1.replace('/payments', '')}/admin/chaos`, { body });
  after(() => chaos({ failRate: 0, dropAfterCommit: 0, latencyMs: 0 }));

  it('refuse before any work, or lose the answer after it: the key then finds it done', async () => {
    const body = aPayment();
    await chaos({ failRate: 1 });
    assert.equal((await send('POST', v1, { key: 'k', body })).status, 503);
    assert.deepEqual(await factsOf(body.paymentId), []);
    await chaos({ failRate: 0, dropAfterCommit: 1 });
    await assert.rejects(send('POST', v1, { key: 'k', body }), /fetch failed/);
    assert.deepEqual(await factsOf(body.paymentId), ['PaymentAuthorized']);
    await chaos({ dropAfterCommit: 0 });
    const again = await send('POST', v1, { key: 'k', body });
    assert.deepEqual([again.status, again.headers.get('idempotency-replayed')], [201, 'true']);
  });
});
