import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeCluster } from '#shared/kubernetes/testing/fake-cluster.ts';
import { FakeClock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { NativeSidecars, takesNativeSidecars } from './native-sidecars.ts';

const aNode = (name: string, kubeletVersion: string) => ({
  metadata: { name },
  status: { nodeInfo: { kubeletVersion } },
});

test('every kubelet must run them; a server that is far enough ahead vouches for its kubelets', () => {
  const [old, young] = [aNode('a', 'v1.28.4'), aNode('b', 'v1.29.0-eks-1')];
  assert.deepEqual(
    [
      takesNativeSidecars(20, [young]),
      takesNativeSidecars(29, [young]),
      takesNativeSidecars(30, [young, old]),
      takesNativeSidecars(31, []),
      takesNativeSidecars(31, [{ metadata: { name: 'c' } }]),
      takesNativeSidecars(32, null),
    ],
    [false, true, false, false, false, true],
  );
});

test('a cluster that cannot be asked has none until it can', async () => {
  const [api, clock] = [new FakeCluster(), new FakeClock()];
  api.put('/api/v1/nodes/b', aNode('b', 'v1.30.1'));
  api.failure = new MeshError('unavailable', 'down');
  const failures: string[] = [];
  const native = new NativeSidecars({ api, clock, onFailure: (message) => failures.push(message) });
  await native.start();
  assert.deepEqual([native.isTaken, failures.length], [false, 1]);
  api.failure = null;
  clock.advance(300_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(native.isTaken, true);
  native.close();
});
