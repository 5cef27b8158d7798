import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { credentials, loadPackageDefinition, Metadata, status, type Client, type ServiceError } from '@grpc/grpc-js';
import { problemShape } from '../../service/problem.ts';
import { anOrderBody, send, startServices, type TestServices } from '../../service/testing.ts';
import { loadOrdersProto } from './grpc-server.ts';

type Reply = Record<string, unknown>;
type Stub = Client &
  Record<
    string,
    (message: object, metadata: Metadata, callback: (error: ServiceError | null, reply: Reply) => void) => void
  >;

let services: TestServices;
let orders: Stub;
let health: Stub;
before(async () => {
  services = await startServices({ PAY_LIMIT_MINOR: '1000000' });
  const address = `127.0.0.1:${services.grpcPort}`;
  const make = (name: string) => {
    const constructor = name
      .split('.')
      .reduce((at: unknown, part) => (at as Record<string, unknown>)[part], loadPackageDefinition(loadOrdersProto()));
    return new (constructor as new (address: string, credentials: unknown) => Stub)(
      address,
      credentials.createInsecure(),
    );
  };
  orders = make('orders.v1.OrderService');
  health = make('grpc.health.v1.Health');
});
after(async () => {
  orders.close();
  health.close();
  await services.close();
});

function call(method: string, message: object, stub = orders): Promise<Reply> {
  return new Promise((resolve, reject) => {
    stub[method]!(message, new Metadata(), (error, reply) => (error === null ? resolve(reply) : reject(error)));
  });
}

async function refusal(method: string, message: object): Promise<ServiceError> {
  return call(method, message).then(
    () => assert.fail(`${method} was not refused`),
    (error: ServiceError) => error,
  );
}

const withKey = (more: object = {}) => ({ idempotencyKey: randomUUID(), ...more });
const base = () => `${services.urls.orders}/api/v1/orders`;

async function factsOf(id: unknown): Promise<unknown[]> {
  const { body } = await send('GET', `${base()}/${String(id)}/events`);
  return (body['events'] as { type: string; data: Record<string, unknown> }[]).map(({ type, data }) => {
    const { paymentId: _1, authorizationId: _2, deliveredAt: _3, ...rest } = data;
    return [type, rest];
  });
}

describe('gRPC', () => {
  it('leads to the same facts as REST, command by command', async () => {
    const lines = [{ sku: 's', title: 't', quantity: 3, unitPrice: { currency: 'EUR', minor: '7' } }];
    const address = { lines: ['there'] };
    const rest = String((await send('POST', base(), { body: anOrderBody() })).body['id']);
    await send('PUT', `${base()}/${rest}/cart`, { body: { lines } });
    await send('PUT', `${base()}/${rest}/address`, { body: { address } });
    await send('POST', `${base()}/${rest}/pay`);
    await send('POST', `${base()}/${rest}/cancel`, { body: { reason: 'no' } });

    const { id } = await call('PlaceOrder', withKey(anOrderBody()));
    await call('ChangeCart', withKey({ id, lines }));
    await call('ChangeAddress', withKey({ id, address, expectedVersion: '1' }));
    const paid = await call('Pay', withKey({ id }));
    assert.equal(paid['status'], 'paid');
    await call('Cancel', withKey({ id, reason: 'no' }));
    assert.deepEqual((await factsOf(id)).slice(0, 6), (await factsOf(rest)).slice(0, 6));
  });

  it('reads the same order as REST', async () => {
    const receipt = await call('PlaceOrder', withKey(anOrderBody({ email: 'grpc@example.com' })));
    const { id, position: minPosition } = receipt;
    const order = await call('GetOrder', { id, minPosition });
    const rest = (await send('GET', `${base()}/${String(id)}`)).body;
    const { version, payment, stock, address, ...same } = order;
    assert.equal(version, String(rest['version']));
    assert.equal((payment as Reply)['status'], 'none');
    assert.equal((stock as Reply)['status'], 'none');
    assert.deepEqual((address as Reply)['lines'], ['1 Tulip Street']);
    for (const field of ['customerId', 'email', 'status', 'total', 'currency', 'channel'])
      assert.deepEqual(same[field], rest[field], field);
    const found = await call('SearchOrders', { q: 'grpc@', minPosition });
    assert.deepEqual([found['totalCount'], found['hasMore'], found['size']], [1, false, 20]);
    assert.equal((await call('GetOrder', { id, atVersion: '0' }))['version'], '0');
  });

  it('answers a repeated command as before, and as REST would', async () => {
    const idempotencyKey = randomUUID();
    const first = await call('PlaceOrder', { idempotencyKey, ...anOrderBody() });
    const again = await call('PlaceOrder', { idempotencyKey, ...anOrderBody() });
    assert.deepEqual({ ...again, replayed: false }, first);
    assert.equal(again['replayed'], true);
    const rest = await send('POST', base(), { key: idempotencyKey, body: anOrderBody() });
    assert.deepEqual([rest.status, rest.body['id']], [201, first['id']]);
  });

  it('refuses with the status and the problem that belong together', async () => {
    const { id } = await call('PlaceOrder', withKey(anOrderBody()));
    const dear = [{ sku: 's', title: 't', quantity: 1, unitPrice: { currency: 'EUR', minor: '1000001' } }];
    const declined = await call('PlaceOrder', withKey(anOrderBody({ lines: dear })));
    const key = withKey({ id, reason: 'a' });
    await call('ChangeAddress', withKey({ id, address: { lines: ['x'] } }));
    const cases: [string, object, number, string][] = [
      ['PlaceOrder', withKey({ customerId: 'c' }), status.INVALID_ARGUMENT, 'invalid_request'],
      ['PlaceOrder', anOrderBody(), status.INVALID_ARGUMENT, 'key_missing'],
      ['Submit', withKey({ id: randomUUID() }), status.NOT_FOUND, 'not_found'],
      ['GetOrder', { id: randomUUID() }, status.NOT_FOUND, 'not_found'],
      ['GetOrder', { id: 'x' }, status.INVALID_ARGUMENT, 'invalid_request'],
      ['Submit', withKey({ id }), status.FAILED_PRECONDITION, 'order_state'],
      ['Submit', withKey({ id, expectedVersion: '0' }), status.ABORTED, 'version_mismatch'],
      ['Pay', withKey({ id: declined['id'] }), status.FAILED_PRECONDITION, 'payment_declined'],
    ];
    for (const [method, message, code, problem] of cases) {
      const error = await refusal(method, message);
      assert.deepEqual([error.code, error.metadata.get('problem-code')], [code, [problem]], method);
      const body = problemShape.parse(JSON.parse(String(error.metadata.get('problem-bin')[0])));
      assert.equal(body.code, problem);
      assert.deepEqual(error.metadata.get('grpc-retry-pushback-ms'), problem === 'version_mismatch' ? ['-1'] : []);
    }
    await call('Cancel', key);
    const reused = await refusal('Cancel', { ...key, reason: 'b' });
    assert.deepEqual([reused.code, reused.metadata.get('problem-code')], [status.FAILED_PRECONDITION, ['key_reused']]);
  });

  it('streams the changes of an order until it ends', async () => {
    const { id } = await call('PlaceOrder', withKey(anOrderBody()));
    const watch = (
      orders as unknown as { WatchOrder(message: object): AsyncIterable<Reply> & { cancel(): void } }
    ).WatchOrder({ id });
    const seen: unknown[] = [];
    for await (const order of watch) {
      seen.push(order['status']);
      if (seen.length === 1) await call('Pay', withKey({ id }));
      if (order['status'] === 'paid') await call('Submit', withKey({ id }));
    }
    assert.deepEqual([seen[0], seen.at(-1)], ['draft', 'completed']);
    assert.ok(seen.includes('paid'));
  });

  it('tells its health, describes itself, and marks what may be repeated', async () => {
    assert.deepEqual(await call('Check', { service: 'orders.v1.OrderService' }, health), { status: 'SERVING' });
    const definition = loadOrdersProto()['orders.v1.OrderService'] as unknown as Record<
      string,
      { options: Record<string, unknown> }
    >;
    const levels = Object.entries(definition).map(([name, method]) => [name, method.options['idempotency_level']]);
    const reads = ['GetOrder', 'SearchOrders', 'WatchOrder'];
    assert.deepEqual(
      levels,
      levels.map(([name]) => [name, reads.includes(String(name)) ? 'NO_SIDE_EFFECTS' : 'IDEMPOTENT']),
    );
  });
});
