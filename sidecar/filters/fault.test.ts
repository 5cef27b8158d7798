import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#shared/runtime/random.ts';
import type { FilterVerdict } from '../proxy/filter.ts';
import type { FaultConfig } from '../snapshot/http-filter.ts';
import { aRequest } from '../telemetry/heads.fixture.ts';
import { aContext } from './contexts.fixture.ts';
import { FaultFilter } from './fault.ts';

const of = (numerator: number) => ({ numerator, denominator: 1_000_000 }) as const;
const percent = (value: number) => of(value * 10_000);
const none: FaultConfig = { delay: null, abort: null, headers: [], maxActive: null };
const abort = (
  httpStatus: number | null,
  percentage = percent(100),
  grpcStatus: number | null = null,
): FaultConfig => ({
  ...none,
  abort: { httpStatus, grpcStatus, percentage },
});
const delay = (fixedMs: number, percentage = percent(100)) => ({ delay: { fixedMs, percentage } });
const aFilter = (config: FaultConfig | null = null) => new FaultFilter(config, { path: '', problems: [] });
const under = (fault: FaultConfig, random = () => 0) => aContext({ overrides: [{ fault }], random });
const reply = (status: number, grpcStatus: number | null = null): FilterVerdict => ({
  kind: 'reply',
  reply: { status, body: 'fault filter abort', headers: [], flag: 'FI', details: 'fault_filter_abort', grpcStatus },
});

test('an abort of all requests answers with its status and the flag FI', () => {
  assert.deepEqual(aFilter().onRequest(under(abort(555))), reply(555));
});

test('a gRPC status is a 200 that carries it', () => {
  assert.deepEqual(aFilter().onRequest(under(abort(null, percent(100), 14))), reply(200, 14));
});

test('a share of 0, or no percentage, never aborts, and draws nothing', () => {
  const never = () => assert.fail('nothing is to be drawn');
  assert.deepEqual(aFilter().onRequest(under(abort(555, percent(0)), never)), { kind: 'continue' });
});

test('half of the requests are aborted at 50 percent', () => {
  const random = seededRandom(4);
  const filter = aFilter();
  let aborted = 0;
  for (let i = 0; i < 2000; i++)
    if (filter.onRequest(under(abort(503, percent(50)), random)).kind === 'reply') aborted++;
  assert(Math.abs(aborted / 2000 - 0.5) < 0.04, String(aborted));
});

test('a delay flags DI and is followed by what the abort draws', () => {
  const parts = (config: FaultConfig) => {
    const verdict = aFilter().onRequest(under(config));
    assert(verdict.kind === 'delay');
    return [verdict.ms, verdict.flag, verdict.next];
  };
  assert.deepEqual(parts({ ...abort(418), ...delay(300) }), [300, 'DI', reply(418)]);
  assert.deepEqual(parts({ ...none, ...delay(300) }), [300, 'DI', { kind: 'continue' }]);
});

test('delay and abort are drawn independently, the delay first', () => {
  const config = { ...abort(418, percent(50)), ...delay(300, percent(50)) };
  const kinds = (draws: number[]) => {
    const verdict = aFilter().onRequest(under(config, () => draws.shift() ?? 1));
    return verdict.kind === 'delay' ? `delay, ${verdict.next.kind}` : verdict.kind;
  };
  assert.deepEqual(
    [
      [0, 0],
      [0, 0.5],
      [0.5, 0],
      [0.5, 0.5],
    ].map(kinds),
    ['delay, reply', 'delay, continue', 'reply', 'continue'],
  );
});

test("a route's configuration replaces the filter's", () => {
  const filter = aFilter(abort(500));
  assert.deepEqual(filter.onRequest(aContext()), reply(500));
  assert.deepEqual(filter.onRequest(under(none)), { kind: 'continue' });
});

test('a fault for some headers leaves other requests alone', () => {
  const match = { kind: 'exact', value: 'jason', ignoreCase: false } as const;
  const fault = { ...abort(555), headers: [{ name: 'end-user', match, invert: false, treatMissingAsEmpty: false }] };
  const overrides = [{ fault }];
  assert.equal(aFilter().onRequest(aContext({ overrides })).kind, 'continue');
  assert.equal(
    aFilter().onRequest(aContext({ overrides, request: aRequest({}, { 'end-user': 'jason' }) })).kind,
    'reply',
  );
});

test('no more faults than allowed are under way; one that ends makes room', () => {
  const filter = aFilter();
  const fault = { ...none, ...delay(1000), maxActive: 1 };
  const first = under(fault);
  const others = [under(fault), under(fault)];
  assert.equal(filter.onRequest(first).kind, 'delay');
  assert.equal(filter.onRequest(others[0]!).kind, 'continue');
  filter.onEnd(others[0]!);
  assert.equal(filter.active, 1);
  filter.onEnd(first);
  filter.onEnd(first);
  assert.equal(filter.active, 0);
  assert.equal(filter.onRequest(others[1]!).kind, 'delay');
});
