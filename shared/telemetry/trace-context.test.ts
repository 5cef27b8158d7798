import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../runtime/random.ts';
import { formatB3, formatTraceparent, newSpanId, newTraceId, parseB3, parseTraceparent } from './trace-context.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

test('a traceparent is read and written back', () => {
  const value = `00-${traceId}-${spanId}-01`;
  const context = parseTraceparent(value);
  assert.deepEqual(context, { traceId, spanId, sampled: true });
  assert.equal(formatTraceparent(context), value);
});

const refused: [why: string, value: string][] = [
  ['an empty value', ''],
  ['capitals', `00-${traceId.toUpperCase()}-${spanId}-01`],
  ['a zero trace id', `00-${'0'.repeat(32)}-${spanId}-01`],
  ['a zero span id', `00-${traceId}-${'0'.repeat(16)}-01`],
  ['version ff', `ff-${traceId}-${spanId}-01`],
  ['more than version 00 has', `00-${traceId}-${spanId}-01-x`],
  ['a short trace id', `00-${traceId.slice(1)}-${spanId}-01`],
  ['blanks', ` 00-${traceId}-${spanId}-01`],
];
for (const [why, value] of refused) {
  test(`a traceparent with ${why} is no traceparent`, () => assert.equal(parseTraceparent(value), null));
}

test('later versions may have more after the flags, and other flags', () => {
  assert.deepEqual(parseTraceparent(`01-${traceId}-${spanId}-02-more`), { traceId, spanId, sampled: false });
});

test('B3 is read in both forms', () => {
  const context = { traceId, spanId, sampled: true };
  assert.deepEqual(parseB3({ b3: `${traceId}-${spanId}-1-${spanId}` }), { context, sampled: true });
  assert.deepEqual(parseB3({ b3: `${traceId}-${spanId}-d` }), { context, sampled: true });
  assert.deepEqual(parseB3({ b3: '0' }), { context: null, sampled: false });
  assert.deepEqual(parseB3({ traceId, spanId, sampled: '1' }), { context, sampled: true });
  assert.deepEqual(parseB3({ traceId, spanId, flags: '1' }), { context, sampled: true });
  assert.deepEqual(
    parseB3({ traceId: traceId.slice(16), spanId })?.context?.traceId,
    `${'0'.repeat(16)}${traceId.slice(16)}`,
  );
  assert.deepEqual(parseB3({ sampled: '0' }), { context: null, sampled: false });
  assert.equal(parseB3({ b3: 'nonsense' }), null);
  assert.equal(parseB3({ b3: `${traceId.slice(3)}-${spanId}-1` }), null);
  assert.equal(parseB3({}), null);
  assert.equal(formatB3(context, ''), `${traceId}-${spanId}-1`);
});

test('new ids are well formed and differ; a zero is never drawn', () => {
  const random = seededRandom(3);
  assert.match(newTraceId(random), /^[0-9a-f]{32}$/);
  assert.notEqual(newSpanId(random), newSpanId(random));
  assert.equal(
    newSpanId(() => 0),
    '0000000000000001',
  );
});
