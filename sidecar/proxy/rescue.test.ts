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
];

for (const [failure, wasRetried, [status, flag, details, body]] of cases) {
  test(`${failure.kind}${'isTimeout' in failure ? ' by time' : ''} becomes ${status} ${flag}`, () => {
    const reply = rescue(failure, wasRetried);
    assert.deepEqual([reply.status, reply.flag, reply.details, reply.body], [status, flag, details, body]);
  });
}

test('an overflow says that the upstream is overloaded', () => {
  assert.deepEqual(rescue({ kind: 'overflow' }, false).headers, [['x-envoy-overloaded', 'true']]);
});
