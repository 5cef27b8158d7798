import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForwardAction, StreamDuration } from '../snapshot/route.ts';
import { aForward } from '../routing/routes.fixture.ts';
import { aHeaderMap } from '../telemetry/heads.fixture.ts';
import {
  deadlineMs,
  effectiveTimeoutMs,
  expectedTimeoutMs,
  parseGrpcTimeout,
  tellGrpcTimeout,
} from './grpc-timeout.ts';

const table: readonly [value: string, ms: number | null][] = [
  ['1H', 3_600_000],
  ['2M', 120_000],
  ['3S', 3000],
  ['250m', 250],
  ['1500u', 2],
  ['1n', 1],
  ['0m', 0],
  ['99999999S', 99_999_999_000],
  ['100000000S', null],
  ['', null],
  ['1', null],
  ['m', null],
  ['1s', null],
  ['-1S', null],
  ['1.5S', null],
  [' 1S', null],
];

for (const [value, ms] of table) {
  test(`grpc-timeout '${value}' is ${ms === null ? 'none' : `${ms} ms`}`, () => {
    assert.equal(parseGrpcTimeout(value), ms);
  });
}

test('the timeout of an exchange', () => {
  const timeout = (timeoutMs: number, maxGrpcTimeoutMs: number | null, asked?: string, isGrpc = true) =>
    effectiveTimeoutMs(
      aForward('c', { timeoutMs, maxGrpcTimeoutMs }),
      aHeaderMap(asked === undefined ? {} : { 'grpc-timeout': asked }),
      isGrpc,
    );
  assert.deepEqual(
    {
      'none at all': timeout(0, 0),
      'of the route alone': timeout(1000, null, '1m'),
      'of the client alone': timeout(0, 0, '250m'),
      'of the client, within the maximum': timeout(1000, 1000, '250m'),
      'of the client, cut at the maximum': timeout(1000, 1000, '1H'),
      'the maximum for nonsense': timeout(5000, 1000, 'soon'),
      'the maximum for no time at all': timeout(5000, 1000, '0m'),
      'none for nonsense, where there is no maximum': timeout(5000, 0, 'soon'),
      'of the route for what is not gRPC': timeout(1000, 0, '1m', false),
    },
    {
      'none at all': 0,
      'of the route alone': 1000,
      'of the client alone': 250,
      'of the client, within the maximum': 250,
      'of the client, cut at the maximum': 1000,
      'the maximum for nonsense': 1000,
      'the maximum for no time at all': 1000,
      'none for nonsense, where there is no maximum': 0,
      'of the route for what is not gRPC': 1000,
    },
  );
});

test('the upstream has what is left of the timeout, or the time of the attempt if that is less', () => {
  assert.equal(expectedTimeoutMs(0, 0, 50), 0);
  assert.equal(expectedTimeoutMs(1000, 0, 50), 950);
  assert.equal(expectedTimeoutMs(1000, 300, 50), 300);
  assert.equal(expectedTimeoutMs(1000, 300, 900), 100);
  assert.equal(expectedTimeoutMs(0, 300, 900), 300);
  assert.equal(expectedTimeoutMs(1000, 0, 1500), 1);
});

test('a gRPC server is told the time that it really has, in a unit of which 8 digits are enough', () => {
  const told = (ms: number, action: Partial<ForwardAction> = { maxGrpcTimeoutMs: 0 }) => {
    const headers = aHeaderMap({ 'grpc-timeout': '4S' });
    tellGrpcTimeout(headers, aForward('c', action), ms);
    return headers.get('grpc-timeout');
  };
  assert.deepEqual(
    [told(199.6), told(0), told(99_999_999), told(1e8), told(99_999_999_999), told(1e11), told(1e17)],
    ['200m', '4S', '99999999m', '100000S', '99999999S', '1666666M', '99999999H'],
  );
  assert.deepEqual([told(5, { maxGrpcTimeoutMs: null }), told(5, aDuration({}))], ['4S', '4S']);
});

const aDuration = (fields: Partial<StreamDuration>): Partial<ForwardAction> => ({
  maxGrpcTimeoutMs: 0,
  streamDuration: { maxMs: 0, grpcHeaderMaxMs: 0, grpcHeaderOffsetMs: 0, ...fields },
});

test('the deadline of an exchange, from its first byte on', () => {
  const deadline = (action: Partial<ForwardAction>, asked: string | null, compat: 'tulle' | 'istio' = 'istio') =>
    deadlineMs(aForward('c', action), aHeaderMap(asked === null ? {} : { 'grpc-timeout': asked }), {
      isGrpc: true,
      compat,
    });
  const actual = {
    'of a client under max_grpc_timeout': deadline({ maxGrpcTimeoutMs: 0 }, '200m', 'tulle'),
    'the same, as in Envoy': deadline({ maxGrpcTimeoutMs: 0 }, '200m'),
    'of a client that is not heard': deadline({ maxGrpcTimeoutMs: null }, '200m', 'tulle'),
    'of a client that asks for nothing': deadline({ maxGrpcTimeoutMs: 0 }, null, 'tulle'),
    'over already': deadline({ maxGrpcTimeoutMs: 0 }, '0m', 'tulle'),
    'of a client by max_stream_duration': deadline(aDuration({}), '200m'),
    'cut at the maximum': deadline(aDuration({ grpcHeaderMaxMs: 50 }), '200m'),
    'less an offset': deadline(aDuration({ grpcHeaderOffsetMs: 20 }), '200m'),
    'less an offset that is all of it': deadline(aDuration({ grpcHeaderOffsetMs: 300 }), '200m'),
    'of the route, though the client asks': deadline(aDuration({ maxMs: 700, grpcHeaderMaxMs: null }), '200m'),
    'of the route, as the client asks for nothing': deadline(aDuration({ maxMs: 700 }), null),
    none: deadline(aDuration({}), null),
  };
  assert.deepEqual(actual, {
    'of a client under max_grpc_timeout': 200,
    'the same, as in Envoy': -1,
    'of a client that is not heard': -1,
    'of a client that asks for nothing': -1,
    'over already': 0,
    'of a client by max_stream_duration': 200,
    'cut at the maximum': 50,
    'less an offset': 180,
    'less an offset that is all of it': 0,
    'of the route, though the client asks': 700,
    'of the route, as the client asks for nothing': 700,
    none: -1,
  });
});
