import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CorruptEventError } from '../../eventstore/codec.ts';
import { orderCodec } from './events.ts';
import { evolveOrder, noOrder } from './order-state.ts';

type Golden = { type: string; schema: number; data: Record<string, unknown> };

// Frozen: what was once written must be readable for ever. Add lines; never change one.
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'testdata/events.json'), 'utf8')) as Golden[];

describe('the events of an order', () => {
  for (const recorded of golden) {
    it(`reads ${recorded.type}.${recorded.schema} as it was frozen`, () => {
      const event = orderCodec.decode(recorded);
      assert.ok(event);
      assert.equal(event.type, recorded.type);
      const written = orderCodec.encode(event);
      if (recorded.schema === written.schema) assert.deepEqual(JSON.parse(JSON.stringify(written)), recorded);
      assert.doesNotThrow(() => evolveOrder(noOrder, event));
    });
  }

  it('lifts the first schema of OrderPlaced to the second, with the same order as its result (I11)', () => {
    const [first, second] = [golden[0]!, golden[1]!];
    const lifted = orderCodec.decode(first)!;
    const asSecond = {
      ...second,
      data: {
        ...second.data,
        address: { lines: ['1 Tulip Street, Lisse'] },
        channel: 'unknown',
        lines: first.data['lines'],
      },
    };
    assert.deepEqual(evolveOrder(noOrder, lifted), evolveOrder(noOrder, orderCodec.decode(asSecond)!));
  });

  it('keeps amounts that a JSON number cannot hold', () => {
    const event = orderCodec.decode(golden.find((recorded) => recorded.type === 'PaymentRequested')!);
    assert.ok(event?.type === 'PaymentRequested');
    assert.equal(event.data.amount.minor, 9_007_199_254_740_993n);
  });

  it('passes over types and schemas of a newer version, and refuses data that breaks its own schema', () => {
    assert.equal(orderCodec.decode({ type: 'OrderGiftWrapped', schema: 1, data: {} }), undefined);
    assert.equal(orderCodec.decode({ type: 'OrderCancelled', schema: 9, data: { why: 1 } }), undefined);
    const readable = orderCodec.decode({ type: 'OrderCancelled', schema: 9, data: { reason: 'x', more: true } });
    assert.deepEqual(readable, { type: 'OrderCancelled', data: { reason: 'x' } });
    assert.throws(() => orderCodec.decode({ type: 'OrderCancelled', schema: 1, data: {} }), CorruptEventError);
  });
});
