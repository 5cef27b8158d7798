import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeCluster } from '#shared/kubernetes/testing/fake-cluster.ts';
import { FakeClock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { eventually } from '../../test/support/eventually.ts';
import { LeaderElector } from './leader-elector.ts';
import { defaultLeaderTiming } from './leader.ts';

function anElector(me: string, { api, clock }: Readonly<{ api: FakeCluster; clock: FakeClock }>) {
  const failures: string[] = [];
  const elector = new LeaderElector({
    api,
    namespace: 'tulle-system',
    name: 'tulle-leader',
    me,
    timing: defaultLeaderTiming,
    clock,
    random: () => 0,
    onFailure: (message) => failures.push(message),
  });
  return { elector, failures };
}

const leads = ({ elector }: ReturnType<typeof anElector>) => elector.isLeader.current();

/** Lets time pass in steps in which calls come back. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let done = 0; done < ms; done += 500) {
    clock.advance(500);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('one of two leads; when it stops the other takes over at its next look', async () => {
  const parts = { api: new FakeCluster(), clock: new FakeClock() };
  const [a, b] = [anElector('a', parts), anElector('b', parts)];
  a.elector.start();
  await eventually(() => leads(a));
  b.elector.start();
  await pass(parts.clock, 30_000);
  assert.deepEqual([leads(a), leads(b)], [true, false]);
  await a.elector.close();
  assert.equal(leads(a), false);
  await pass(parts.clock, 3000);
  assert.deepEqual([leads(b), b.elector.holder], [true, 'b']);
  await b.elector.close();
});

test('a leader that the API server is lost to stops in time, and leads again when it is back', async () => {
  const parts = { api: new FakeCluster(), clock: new FakeClock() };
  const a = anElector('a', parts);
  a.elector.start();
  await eventually(() => leads(a));
  parts.api.failure = new MeshError('unavailable', 'down');
  await pass(parts.clock, 9500);
  assert.equal(leads(a), true);
  await pass(parts.clock, 1500);
  assert.equal(leads(a), false);
  assert.ok(a.failures.includes('the lease tulle-leader: down'), a.failures.join());
  parts.api.failure = null;
  await pass(parts.clock, 3000);
  assert.equal(leads(a), true);
  await a.elector.close();
});

test('a leader that dies is followed when its lease has ended', async () => {
  const parts = { api: new FakeCluster(), clock: new FakeClock() };
  const path = '/apis/coordination.k8s.io/v1/namespaces/tulle-system/leases/tulle-leader';
  parts.api.put(path, {
    metadata: { name: 'tulle-leader' },
    spec: { holderIdentity: 'dead', leaseDurationSeconds: 15 },
  });
  const a = anElector('a', parts);
  a.elector.start();
  await pass(parts.clock, 14_000);
  assert.equal(leads(a), false);
  await pass(parts.clock, 3000);
  assert.equal(leads(a), true);
  const lease = parts.api.peek(path)?.['spec'];
  assert.deepEqual(lease, { ...(lease as object), holderIdentity: 'a', leaseTransitions: 1 });
  await a.elector.close();
});
