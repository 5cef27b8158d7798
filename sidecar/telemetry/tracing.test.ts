import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#shared/runtime/random.ts';
import { aRequest } from './heads.fixture.ts';
import { startSpan } from './tracing.ts';

const trace = '0af7651916cd43dd8448eb211c80319c';
const span = 'b7ad6b7169203331';
const always = { randomSampling: 100, overallSampling: 100, clientSampling: 100 };
const never = { randomSampling: 0, overallSampling: 100, clientSampling: 100 };

test('a trace that the caller began goes on under a new span, with the decision kept', () => {
  for (const flags of ['00', '01']) {
    const head = aRequest({}, { traceparent: `00-${trace}-${span}-${flags}`, tracestate: 'a=b' });
    const own = startSpan(head, flags === '00' ? always : never, seededRandom(1));
    assert.deepEqual([own.context.traceId, own.parentSpanId, own.context.sampled], [trace, span, flags === '01']);
    assert.equal(head.headers.get('traceparent'), `00-${trace}-${own.context.spanId}-${flags}`);
    assert.notEqual(own.context.spanId, span);
    assert.equal(head.headers.get('tracestate'), 'a=b');
    assert(!head.headers.has('b3'));
  }
});

test('a malformed traceparent starts a new trace and drops its state', () => {
  const head = aRequest({}, { traceparent: `00-${'0'.repeat(32)}-${span}-01`, tracestate: 'a=b' });
  const own = startSpan(head, never, seededRandom(1));
  assert.equal(own.parentSpanId, '');
  assert.equal(head.headers.get('traceparent'), `00-${own.context.traceId}-${own.context.spanId}-00`);
  assert(!head.headers.has('tracestate'));
});

test('B3 is read, answered in kind, and carried on as W3C too', () => {
  const single = aRequest({}, { b3: `${trace}-${span}-1` });
  const own = startSpan(single, never, seededRandom(2));
  assert.equal(single.headers.get('b3'), `${trace}-${own.context.spanId}-1-${span}`);
  assert.equal(single.headers.get('traceparent'), `00-${trace}-${own.context.spanId}-01`);

  const several = aRequest({}, { 'x-b3-traceid': trace.slice(16), 'x-b3-spanid': span, 'x-b3-sampled': '0' });
  const other = startSpan(several, always, seededRandom(2));
  assert.deepEqual(
    ['x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled'].map((name) => several.headers.get(name)),
    [`${'0'.repeat(16)}${trace.slice(16)}`, other.context.spanId, span, '0'],
  );
});

test('B3 without a decision leaves it to us', () => {
  assert(startSpan(aRequest({}, { b3: `${trace}-${span}` }), always, seededRandom(1)).context.sampled);
  assert(!startSpan(aRequest({}, { b3: '0' }), always, seededRandom(1)).context.sampled);
});

test('a new trace is sampled at random, by force, or by the client, and never beyond the overall bound', () => {
  const share = (lines: Record<string, string>, sampling: typeof always) => {
    const random = seededRandom(7);
    let sampled = 0;
    for (let i = 0; i < 2000; i++) if (startSpan(aRequest({}, lines), sampling, random).context.sampled) sampled++;
    return sampled / 2000;
  };
  assert.equal(share({}, never), 0);
  assert(Math.abs(share({}, { ...always, randomSampling: 10 }) - 0.1) < 0.03);
  assert.equal(share({ 'x-envoy-force-trace': 'true' }, never), 1);
  assert.equal(share({ 'x-client-trace-id': '1' }, never), 1);
  assert(Math.abs(share({ 'x-envoy-force-trace': 'true' }, { ...never, overallSampling: 50 }) - 0.5) < 0.05);
});
