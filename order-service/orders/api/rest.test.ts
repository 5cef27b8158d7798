import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { problemShape } from '../../service/problem.ts';
import { anOrderBody, send, startServices, type TestAnswer, type TestServices } from '../../service/testing.ts';

let services: TestServices;
let base: string;
before(async () => {
  services = await startServices({ PAY_LIMIT_MINOR: '1000000' });
  base = `${services.urls.orders}/api/v1/orders`;
});
after(() => services.close());

async function placed(more: Record<string, unknown> = {}): Promise<string> {
  const { status, body } = await send('POST', base, { body: anOrderBody(more) });
  assert.equal(status, 201);
  return String(body['id']);
}

function assertProblem(answer: TestAnswer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.body['code']], [status, code]);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
  const problem = problemShape.parse(answer.body);
  assert.equal(problem.status, status);
  assert.match(problem.traceId ?? '', /^[0-9a-f]{32}$/);
}

describe('REST: an order', () => {
  it('is placed, paid, submitted and then completed by the saga', async () => {
    const place = await send('POST', base, { body: anOrderBody() });
    assert.equal(place.status, 201);
    assert.deepEqual(
      [place.headers.get('etag'), place.headers.get('location')],
      ['"0"', `/api/v1/orders/${place.body['id']}`],
    );
    const url = `${base}/${place.body['id']}`;
    const pay = await send('POST', `${url}/pay`);
    assert.deepEqual([pay.status, pay.body['status'], pay.headers.get('x-payments-version')], [200, 'paid', 'v1']);
    const submit = await send('POST', `${url}/submit`);
    assert.equal(submit.body['status'], 'submitted');
    await eventually(async () => (await send('GET', url)).body['status'] === 'completed');
    const { body } = await send('GET', url);
    assert.deepEqual(body['total'], { currency: 'EUR', minor: '3998' });
    const history = await send('GET', `${url}/events`);
    const types = (history.body['events'] as { type: string }[]).map((event) => event.type);
    assert.deepEqual(types, [
      'OrderPlaced',
      'PaymentRequested',
      'PaymentAuthorized',
      'OrderSubmitted',
      'StockReserved',
      'PaymentCaptured',
      'StockConfirmed',
      'OrderCompleted',
    ]);
  });

  it('is read as it was at a version, and not at one it never had', async () => {
    const id = await placed();
    await send('PUT', `${base}/${id}/address`, { body: { address: { lines: ['elsewhere'] } } });
    const first = await send('GET', `${base}/${id}?at=0`);
    assert.deepEqual((first.body['address'] as { lines: string[] }).lines, ['1 Tulip Street']);
    assertProblem(await send('GET', `${base}/${id}?at=9`), 404, 'not_found');
  });

  it('that was cancelled after it was paid gets its money back', async () => {
    const id = await placed();
    await send('POST', `${base}/${id}/pay`);
    const cancel = await send('POST', `${base}/${id}/cancel`, { body: { reason: 'no' } });
    assert.deepEqual([cancel.status, cancel.body['status']], [200, 'cancelling']);
    const order = await eventually(async () => {
      const { body } = await send('GET', `${base}/${id}`);
      return body['status'] === 'cancelled' && body;
    });
    assert.equal((order as { payment: { status: string } }).payment.status, 'voided');
  });

  it('that inventory cannot serve is cancelled, and its payment voided', async () => {
    const lines = [{ sku: 'rare', title: 'Rare', quantity: 1000, unitPrice: { currency: 'EUR', minor: '1' } }];
    await send('POST', `${services.urls.inventory}/stock/rare/receipts`, { body: { quantity: 10 } });
    const id = await placed({ lines });
    await send('POST', `${base}/${id}/pay`);
    await send('POST', `${base}/${id}/submit`);
    const order = await eventually(async () => {
      const { body } = await send('GET', `${base}/${id}`);
      return body['status'] === 'cancelled' && body;
    });
    const { payment, stock, cancelReason } = order as {
      payment: { status: string };
      stock: object;
      cancelReason: string;
    };
    assert.deepEqual([payment.status, cancelReason], ['voided', 'out of stock']);
    assert.deepEqual(stock, { status: 'rejected', missing: [{ sku: 'rare', wanted: 1000, free: 10 }] });
  });
});

describe('REST: a repeated request', () => {
  it('with the same key gets the same answer, for every command', async () => {
    const key = randomUUID();
    const [one, two] = await Promise.all([
      send('POST', base, { key, body: anOrderBody() }),
      send('POST', base, { key, body: anOrderBody() }),
    ]);
    assert.deepEqual([one.status, two.status], [201, 201]);
    assert.deepEqual(one.body, two.body);
    const url = `${base}/${one.body['id']}`;
    for (const [step, body] of [['pay'], ['submit'], ['cancel', { reason: 'x' }]] as const) {
      const request = { key: `${step}-1`, body };
      const first = await send('POST', `${url}/${step}`, request);
      await send('PUT', `${url}/address`, { body: { address: { lines: ['y'] } } });
      const again = await send('POST', `${url}/${step}`, request);
      assert.deepEqual(
        [again.status, again.body, again.headers.get('etag')],
        [first.status, first.body, first.headers.get('etag')],
      );
      if (first.status === 200) assert.equal(again.headers.get('idempotency-replayed'), 'true');
    }
  });

  it('with the same key and another payload is refused with 422', async () => {
    const key = randomUUID();
    const { body } = await send('POST', base, { key, body: anOrderBody() });
    assertProblem(
      await send('POST', base, { key, body: anOrderBody({ email: 'bob@example.com' }) }),
      422,
      'key_reused',
    );
    await send('POST', `${base}/${body['id']}/cancel`, { key: 'k', body: { reason: 'a' } });
    assertProblem(
      await send('POST', `${base}/${body['id']}/cancel`, { key: 'k', body: { reason: 'b' } }),
      422,
      'key_reused',
    );
    assertProblem(await send('POST', `${base}/${body['id']}/submit`, { key: 'k' }), 422, 'key_reused');
  });

  it('to pay that was declined is declined again, and another key may try anew', async () => {
    const lines = [{ sku: 's', title: 'Dear', quantity: 1, unitPrice: { currency: 'EUR', minor: '1000001' } }];
    const id = await placed({ lines });
    for (let i = 0; i < 2; i++) {
      const declined = await send('POST', `${base}/${id}/pay`, { key: 'p' });
      assertProblem(declined, 402, 'payment_declined');
      assert.deepEqual(
        [declined.body['declineCode'], declined.headers.get('x-payments-version')],
        ['limit_exceeded', 'v1'],
      );
    }
    lines[0]!.unitPrice.minor = '5';
    assert.equal((await send('PUT', `${base}/${id}/cart`, { body: { lines } })).status, 200);
    assert.equal((await send('POST', `${base}/${id}/pay`)).body['status'], 'paid');
  });
});

describe('REST: what is refused', () => {
  it('with 400: bad bodies (every problem at once), keys, paths and headers', async () => {
    const bad = await send('POST', base, {
      body: { customerId: 'c', lines: [{ quantity: 0, unitPrice: { minor: 1.5 } }] },
    });
    assertProblem(bad, 400, 'invalid_request');
    assert.ok((bad.body['problems'] as unknown[]).length >= 6);
    assertProblem(await send('POST', base, { key: undefined, body: anOrderBody() }), 400, 'key_missing');
    assertProblem(await send('POST', base, { body: '{"a":' }), 400, 'invalid_request');
    assertProblem(await send('GET', `${base}/not-a-uuid`), 400, 'invalid_request');
    const id = await placed();
    const body = { address: { lines: ['x'] } };
    assertProblem(
      await send('PUT', `${base}/${id}/address`, { body, headers: { 'if-match': 'three' } }),
      400,
      'invalid_request',
    );
    assertProblem(await send('GET', `${base}/${id}`, { headers: { 'x-min-position': 'far' } }), 400, 'invalid_request');
    const dollars = [{ sku: 's', title: 't', quantity: 1, unitPrice: { currency: 'USD', minor: '1' } }];
    assertProblem(await send('POST', base, { body: anOrderBody({ lines: dollars }) }), 400, 'invalid_request');
    assertProblem(
      await send('POST', base, { body: '<a/>', headers: { 'content-type': 'text/xml' } }),
      415,
      'wrong_media_type',
    );
    assertProblem(
      await send('POST', base, { body: anOrderBody({ channel: 'x'.repeat(1_100_000) }) }),
      413,
      'too_large',
    );
  });

  it('with 404: what is not there', async () => {
    const id = randomUUID();
    assertProblem(await send('GET', `${base}/${id}`), 404, 'not_found');
    assertProblem(await send('POST', `${base}/${id}/submit`), 404, 'not_found');
    assertProblem(await send('GET', `${services.urls.orders}/nowhere`), 404, 'not_found');
    assertProblem(await send('POST', `${services.urls.orders}/admin/projections/no@1/pause`), 404, 'not_found');
  });

  it('with 409: what the state does not allow; with 412: what another has changed', async () => {
    const id = await placed();
    assertProblem(await send('POST', `${base}/${id}/submit`), 409, 'order_state');
    const change = (version: string) =>
      send('PUT', `${base}/${id}/address`, { body: { address: { lines: ['x'] } }, headers: { 'if-match': version } });
    assert.equal((await change('"0"')).status, 200);
    const late = await change('"0"');
    assertProblem(late, 412, 'version_mismatch');
    assert.deepEqual([late.headers.get('etag'), late.body['currentVersion']], ['"1"', 1]);
    const race = await Promise.all(Array.from({ length: 20 }, () => change('"1"')));
    assert.deepEqual(
      race.map((answer) => answer.status).sort((a, b) => a - b),
      [200, ...Array.from({ length: 19 }, () => 412)],
    );
  });

  it('never with 5xx, whatever the body is', async () => {
    const bodies = [
      null,
      1,
      'x',
      [],
      {},
      { lines: null },
      anOrderBody({ lines: [null] }),
      anOrderBody({ address: 'x' }),
      { address: { lines: [{}] } },
    ];
    const id = await placed();
    for (const body of bodies) {
      for (const [method, path] of [
        ['POST', ''],
        ['PUT', `/${id}/cart`],
        ['PUT', `/${id}/address`],
        ['POST', `/${id}/cancel`],
      ] as const) {
        const { status } = await send(method, base + path, { body: JSON.stringify(body) });
        assert.ok(status < 500, `${method} ${path} ${JSON.stringify(body)}: ${status}`);
      }
    }
  });
});

describe('REST: readers', () => {
  it('see their own write, from the view or else from the log', async () => {
    for (let i = 0; i < 10; i++) {
      const { body } = await send('POST', base, { body: anOrderBody() });
      const read = await send('GET', `${base}/${body['id']}`, {
        headers: { 'x-min-position': String(body['position']) },
      });
      assert.deepEqual([read.status, read.headers.get('etag')], [200, '"0"']);
    }
    await send('POST', `${services.urls.orders}/admin/projections/orders@1/pause`);
    const { body } = await send('POST', base, { body: anOrderBody({ customerId: 'paused' }) });
    const headers = { 'x-min-position': String(body['position']) };
    assert.equal((await send('GET', `${base}/${body['id']}`, { headers })).headers.get('x-read-source'), 'log');
    assertProblem(await send('GET', `${base}?customer=paused`, { headers }), 503, 'lagging');
    await send('POST', `${services.urls.orders}/admin/projections/orders@1/resume`);
    const list = await send('GET', `${base}?customer=paused`, { headers });
    assert.equal((list.body['orders'] as unknown[]).length, 1);
    assert.match(list.headers.get('x-projection-lag-ms') ?? '', /^\d+$/);
  });

  it('page through lists and searches, with totals that are right', async () => {
    const lines = (title: string) => [
      { sku: 's', title, description: 'Écru "linen"', quantity: 1, unitPrice: { currency: 'EUR', minor: '1' } },
    ];
    let position = '';
    for (let i = 0; i < 15; i++) {
      const { body } = await send('POST', base, {
        body: anOrderBody({ customerId: 'pages', lines: lines(`Zebra blanket ${i}`) }),
      });
      position = String(body['position']);
    }
    const headers = { 'x-min-position': position };
    const search = async (query: string) => (await send('GET', `${base}/search?${query}`, { headers })).body;
    const first = await search('q=zebra%20bla&size=10');
    assert.deepEqual(first['pagination'], { totalCount: 15, totalPages: 2, page: 1, size: 10, hasMore: true });
    const second = await search('q=zebra%20bla&size=10&page=2');
    assert.deepEqual(
      [(second['orders'] as unknown[]).length, (second['pagination'] as { hasMore: boolean }).hasMore],
      [5, false],
    );
    for (const [q, total] of [
      ['ecru', 15],
      ['"linen"', 15],
      ['blanket zebra', 0],
      ['"', 0],
      ['a*b OR c:', 0],
    ] as const) {
      const found = await search(`q=${encodeURIComponent(q)}`);
      assert.equal((found['pagination'] as { totalCount: number }).totalCount, total, q);
    }
    const ids = new Set<string>();
    for (let next: unknown = ''; next !== undefined;) {
      const cursor = next === '' ? '' : `&cursor=${String(next)}`;
      const { body } = await send('GET', `${base}?customer=pages&limit=4${cursor}`, { headers });
      for (const order of body['orders'] as { id: string }[]) ids.add(order.id);
      next = body['next'];
    }
    assert.equal(ids.size, 15);
  });

  it('find the same after a rebuild of the views, and the views are the fold of the log', async () => {
    const url = services.urls.orders;
    const { body: before } = await send('GET', `${base}?limit=100`);
    await send('POST', `${url}/admin/projections/orders@1/rebuild`);
    const audit = await send('GET', `${url}/admin/audit`);
    assert.deepEqual(audit.body['mismatches'], []);
    assert.ok(Number(audit.body['orders']) > 15);
    const { body: afterwards } = await send('GET', `${base}?limit=100`);
    const idsOf = (page: Record<string, unknown>) => (page['orders'] as { id: string }[]).map((order) => order.id);
    assert.deepEqual(new Set(idsOf(afterwards)), new Set(idsOf(before)));
  });
});

describe('REST: operations', () => {
  it('has every route in its OpenAPI document, a page for it, health, readiness and metrics', async () => {
    const { body } = await send('GET', `${services.urls.orders}/openapi.json`);
    assert.equal(body['openapi'], '3.1.0');
    const paths = body['paths'] as Record<string, Record<string, unknown>>;
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    assert.deepEqual(routes.sort(), [
      'get /admin/audit',
      'get /admin/log',
      'get /admin/projections',
      'get /admin/saga',
      'get /api/v1/orders',
      'get /api/v1/orders/search',
      'get /api/v1/orders/{id}',
      'get /api/v1/orders/{id}/events',
      'get /live',
      'get /metrics',
      'get /ready',
      'post /admin/projections/{name}/{verb}',
      'post /api/v1/orders',
      'post /api/v1/orders/{id}/cancel',
      'post /api/v1/orders/{id}/complete',
      'post /api/v1/orders/{id}/pay',
      'post /api/v1/orders/{id}/submit',
      'put /api/v1/orders/{id}/address',
      'put /api/v1/orders/{id}/cart',
    ]);
    assert.equal((await send('GET', `${services.urls.orders}/docs/`)).status, 200);
    assert.deepEqual((await send('GET', `${services.urls.orders}/live`)).body, { status: 'live' });
    assert.equal((await send('GET', `${services.urls.orders}/ready`)).status, 200);
    const metrics = String((await send('GET', `${services.urls.orders}/metrics`)).body['text']);
    for (const name of [
      'http_request_duration_seconds',
      'es_append_total',
      'idempotent_replays_total',
      'projection_lag_seconds',
      'saga_steps_total',
    ]) {
      assert.match(metrics, new RegExp(`^${name}`, 'm'));
    }
  });

  it('keeps the trace and the request id from the request to the facts and to the services behind', async () => {
    const traceparent = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`;
    const place = await send('POST', base, { body: anOrderBody(), headers: { traceparent, 'x-request-id': 'req-1' } });
    assert.equal(place.headers.get('x-request-id'), 'req-1');
    const history = await send('GET', `${base}/${place.body['id']}/events`);
    assert.equal((history.body['events'] as { traceparent: string }[])[0]?.traceparent, traceparent);
  });
});
