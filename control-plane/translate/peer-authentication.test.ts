import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PeerAuthentication } from '#shared/model/resource.ts';
import { groupPeerPolicies, modeOfPort, peerPolicyFor } from './peer-authentication.ts';

type Mode = 'UNSET' | 'DISABLE' | 'PERMISSIVE' | 'STRICT';

const modes: readonly (Mode | undefined)[] = [undefined, 'UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'];
const labels = { app: 'server' };

function aPolicy(
  namespace: string,
  spec: PeerAuthentication['spec'],
  metadata: Partial<PeerAuthentication['metadata']> = {},
): PeerAuthentication {
  return {
    kind: 'PeerAuthentication',
    apiVersion: 'security.istio.io/v1',
    metadata: { name: 'policy', namespace, labels: {}, annotations: {}, ...metadata },
    spec,
  };
}

function policyIn(policies: readonly PeerAuthentication[]) {
  return peerPolicyFor(groupPeerPolicies(policies, 'istio-system'), 'default', labels);
}

suite('peer authentication', () => {
  test('the narrowest scope that sets a mode wins, and PERMISSIVE holds when none does', () => {
    for (const mesh of modes) {
      for (const namespace of modes) {
        for (const workload of modes) {
          const mtls = (mode: Mode | undefined) => (mode === undefined ? {} : { mtls: { mode } });
          const selector = { matchLabels: labels };
          const policy = policyIn([
            aPolicy('istio-system', mtls(mesh)),
            aPolicy('default', mtls(namespace)),
            aPolicy('default', { selector, ...mtls(workload) }, { name: 'workload' }),
          ]);
          const set = [workload, namespace, mesh].find((mode) => mode !== undefined && mode !== 'UNSET');
          assert.equal(policy.mode, set ?? 'PERMISSIVE', `${mesh} ${namespace} ${workload}`);
        }
      }
    }
  });

  test("a port has its own mode, and inherits the workload's when it leaves it unset", () => {
    const policy = policyIn([
      aPolicy('istio-system', { mtls: { mode: 'DISABLE' } }),
      aPolicy('default', {
        selector: { matchLabels: labels },
        mtls: { mode: 'STRICT' },
        portLevelMtls: { 8080: { mode: 'PERMISSIVE' }, 8081: { mode: 'UNSET' }, 8082: {} },
      }),
    ]);
    assert.deepEqual(
      [8080, 8081, 8082, 9090].map((port) => modeOfPort(policy, port)),
      ['PERMISSIVE', 'STRICT', 'STRICT', 'STRICT'],
    );
  });

  test('ports are not read of a policy that selects no workload', () => {
    const policy = policyIn([
      aPolicy('default', { mtls: { mode: 'STRICT' }, portLevelMtls: { 8080: { mode: 'DISABLE' } } }),
    ]);
    assert.equal(modeOfPort(policy, 8080), 'STRICT');
  });

  test('the oldest policy of a scope wins, then the name decides', () => {
    const young = { name: 'a', creationTimestamp: '2026-02-01T00:00:00Z' };
    const old = { name: 'b', creationTimestamp: '2026-01-01T00:00:00Z' };
    const strict = { mtls: { mode: 'STRICT' } } as const;
    const disable = { mtls: { mode: 'DISABLE' } } as const;
    assert.equal(policyIn([aPolicy('default', strict, young), aPolicy('default', disable, old)]).mode, 'DISABLE');
    const sameAge = { creationTimestamp: old.creationTimestamp };
    const named = [
      aPolicy('default', strict, { name: 'b', ...sameAge }),
      aPolicy('default', disable, { name: 'a', ...sameAge }),
    ];
    assert.equal(policyIn(named).mode, 'DISABLE');
  });

  test('a policy with a selector in the root namespace is ignored', () => {
    const policy = policyIn([aPolicy('istio-system', { selector: { matchLabels: labels }, mtls: { mode: 'STRICT' } })]);
    assert.equal(policy.mode, 'PERMISSIVE');
  });

  test('policies of other namespaces and for other workloads do not hold', () => {
    const policy = policyIn([
      aPolicy('prod', { mtls: { mode: 'STRICT' } }),
      aPolicy('default', { selector: { matchLabels: { app: 'other' } }, mtls: { mode: 'STRICT' } }),
    ]);
    assert.equal(policy.mode, 'PERMISSIVE');
  });
});
