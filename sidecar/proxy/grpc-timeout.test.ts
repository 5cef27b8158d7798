import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aForward } from '../routing/routes.fixture.ts';
import { aHeaderMap } from '../telemetry/heads.fixture.ts';
import { effectiveTimeoutMs, expectedTimeoutMs, parseGrpcTimeout, tellGrpcTimeout } from './grpc-timeout.ts';

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
      'of the route for nonsense': timeout(1000, 0, 'soon'),
      'of the route for what is not gRPC': timeout(1000, 0, '1m', false),
    },
    {
      'none at all': 0,
      'of the route alone': 1000,
      'of the client alone': 250,
      'of the client, within the maximum': 250,
      'of the client, cut at the maximum': 1000,
      'of the route for nonsense': 1000,
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

test('a gRPC server is told the time that it really has', () => {
  const told = (ms: number) => {
    const headers = aHeaderMap({ 'grpc-timeout': '4S' });
    tellGrpcTimeout(headers, ms);
    return headers.get('grpc-timeout');
  };
  assert.deepEqual([told(199.6), told(0), told(1e9)], ['200m', '4S', '99999999m']);
});
