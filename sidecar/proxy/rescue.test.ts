import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rescue, type Failure } from './rescue.ts';

const cases: [Failure, boolean, [number, string, string, string]][] = [
  [{ kind: 'noRoute' }, false, [404, 'NR', 'route_not_found', '']],
  [{ kind: 'noCluster', status: 503 }, false, [503, 'NC', 'cluster_not_found', '']],
  [{ kind: 'noHealthyHost' }, false, [503, 'UH', 'no_healthy_upstream', 'no healthy upstream']],
  [
    { kind: 'overflow' },
    false,
    [
      503,
      'UO',
      'upstream_reset_before_response_started{overflow}',
      'upstream connect error or disconnect/reset before headers. reset reason: overflow',
    ],
  ],
  [
    { kind: 'connectFailure', reason: 'delayed connect error: Connection refused' },
    true,
    [
      503,
      'UF',
      'upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}',
      'upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure',
    ],
  ],
  [
    { kind: 'connectFailure', reason: 'no connection in 300 ms', isTimeout: true },
    false,
    [
      503,
      'UF',
      'upstream_reset_before_response_started{connection_timeout}',
      'upstream connect error or disconnect/reset before headers. reset reason: connection timeout',
    ],
  ],
  [
    { kind: 'reset', isRemoteReset: false },
    false,
    [
      503,
      'UC',
      'upstream_reset_before_response_started{connection_termination}',
      'upstream connect error or disconnect/reset before headers. reset reason: connection termination',
    ],
  ],
  [{ kind: 'routeTimeout' }, true, [504, 'UT', 'response_timeout', 'upstream request timeout']],
  [{ kind: 'perTryTimeout' }, false, [504, 'UT', 'upstream_per_try_timeout', 'upstream request timeout']],
  [
    { kind: 'streamDuration', isRequestWhole: true },
    false,
    [504, '', 'max_duration_timeout', 'downstream duration timeout'],
  ],
  [
    { kind: 'streamDuration', isRequestWhole: false },
    false,
    [408, '', 'max_duration_timeout', 'downstream duration timeout'],
  ],
];

for (const [failure, wasRetried, [status, flag, details, body]] of cases) {
  test(`${failure.kind}${'isTimeout' in failure ? ' by time' : ''} becomes ${status} ${flag}`, () => {
    const reply = rescue(failure, wasRetried, 'istio');
    assert.deepEqual([reply.status, reply.flag, reply.details, reply.body], [status, flag, details, body]);
  });
}

test('a gRPC call that ran out of time is told so; under istio only where Envoy does', () => {
  const failures = [
    { kind: 'routeTimeout' },
    { kind: 'perTryTimeout' },
    { kind: 'streamDuration', isRequestWhole: true },
  ] as const;
  const statuses = (compat: 'tulle' | 'istio') => failures.map((failure) => rescue(failure, false, compat).grpcStatus);
  assert.deepEqual(
    [statuses('tulle'), statuses('istio')],
    [
      [4, 4, 4],
      [null, null, 4],
    ],
  );
});

test('an overflow says that the upstream is overloaded', () => {
  assert.deepEqual(rescue({ kind: 'overflow' }, false, 'istio').headers, [['x-envoy-overloaded', 'true']]);
});
