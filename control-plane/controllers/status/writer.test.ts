import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeCluster } from '#shared/kubernetes/testing/fake-cluster.ts';
import { FakeClock } from '#shared/runtime/clock.ts';
import type { ResourceFacts } from './content.ts';
import { StatusQueue, TokenBucket } from './queue.ts';
import { statusPath } from './facts.ts';
import { StatusWriter } from './writer.ts';

const keyOf = (name: string) => `VirtualService/shop/${name}`;
const pathOf = (key: string) => statusPath({ key, resource: null });
const someFacts = (name: string, more: Partial<ResourceFacts> = {}): ResourceFacts => ({
  key: keyOf(name),
  generation: 1,
  problems: [],
  doubts: [],
  hasFormer: false,
  distribution: { applied: 1, total: 1, refusals: [] },
  ...more,
});

function setUp(...names: readonly string[]) {
  const [api, clock] = [new FakeCluster(), new FakeClock()];
  for (const name of names) api.put(pathOf(keyOf(name)) ?? '', { metadata: { name, generation: 1 } });
  const state = { isLeader: true };
  const failures: string[] = [];
  const writer = new StatusWriter({
    api,
    clock,
    pathOf,
    isLeader: () => state.isLeader,
    onFailure: (message) => failures.push(message),
  });
  const pass = async (ms: number) => {
    for (let done = 0; done < ms; done += 50) {
      clock.advance(50);
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const messageOf = (name: string) => {
    const status = api.peek(pathOf(keyOf(name)) ?? '')?.['status'] as { conditions: { message: string }[] } | undefined;
    return status?.conditions[1]?.message;
  };
  return { api, state, failures, writer, pass, messageOf };
}

test('a status is written once, and again when it changes; a mere count waits ten seconds', async () => {
  const { api, writer, pass, messageOf } = setUp('a');
  writer.tell([someFacts('a')]);
  await pass(50);
  assert.equal(messageOf('a'), 'applied 1/1');
  writer.tell([someFacts('a')]);
  await pass(60_000);
  assert.equal(api.calls.length, 1);
  writer.tell([someFacts('a', { distribution: { applied: 1, total: 2, refusals: [] } })]);
  await pass(50);
  assert.equal(messageOf('a'), 'applied 1/2');
  writer.tell([someFacts('a', { distribution: { applied: 2, total: 2, refusals: [] } })]);
  await pass(50);
  assert.equal(messageOf('a'), 'applied 2/2');
  writer.tell([someFacts('a', { distribution: { applied: 3, total: 3, refusals: [] } })]);
  await pass(9000);
  assert.equal(messageOf('a'), 'applied 2/2');
  await pass(1500);
  assert.equal(messageOf('a'), 'applied 3/3');
  await writer.close();
});

test('twenty at once, then ten a second', async () => {
  const names = Array.from({ length: 40 }, (_, n) => `v${n}`);
  const { api, writer, pass } = setUp(...names);
  writer.tell(names.map((name) => someFacts(name)));
  await pass(50);
  assert.equal(api.calls.length, 20);
  await pass(1000);
  assert.ok(api.calls.length >= 29 && api.calls.length <= 31, String(api.calls.length));
  await pass(2000);
  assert.equal(api.calls.length, 40);
  await writer.close();
});

test('who does not lead writes nothing, and a new leader only what differs', async () => {
  const { api, state, writer, pass } = setUp('a', 'b');
  state.isLeader = false;
  writer.tell([someFacts('a')]);
  await pass(100);
  assert.deepEqual(api.calls, []);
  state.isLeader = true;
  writer.reset();
  writer.tell([someFacts('a'), someFacts('b')]);
  await pass(100);
  assert.equal(api.calls.length, 2);
  writer.reset();
  writer.tell([someFacts('a'), someFacts('b', { distribution: { applied: 0, total: 1, refusals: [] } })]);
  await pass(100);
  assert.deepEqual(api.calls.slice(2), [`patch ${pathOf(keyOf('b'))}/status`]);
  await writer.close();
});

test('a version that the catalog has not seen is left alone, and what is gone too', async () => {
  const { api, writer, pass } = setUp('a');
  writer.tell([someFacts('a', { generation: 2 }), someFacts('gone')]);
  await pass(100);
  assert.deepEqual(api.calls, []);
  await writer.close();
});

test('the path of a status is that of its kind and version', () => {
  assert.equal(pathOf('ServiceEntry/a/b'), '/apis/networking.istio.io/v1/namespaces/a/serviceentries/b');
  assert.equal(pathOf('TrafficSplit/a/b')?.includes('/namespaces/a/trafficsplits/b'), true);
  assert.equal(pathOf('Service/a/b'), null);
});

test('a queue gives what matters first, each key once, none before its time', () => {
  const queue = new StatusQueue();
  queue.offer('later', 'later', 0);
  queue.offer('a', 'now', 0);
  queue.offer('b', 'now', 5);
  queue.offer('later', 'later', 0);
  assert.equal(queue.take(0), 'a');
  assert.equal(queue.take(0), 'later');
  assert.equal(queue.take(4), null);
  assert.equal(queue.nextAtMs(), 5);
  assert.equal(queue.take(5), 'b');
  queue.offer('c', 'later', 100);
  queue.offer('c', 'now', 0);
  assert.equal(queue.take(0), 'c');
  assert.equal(queue.nextAtMs(), null);
});

test('a bucket fills up to its burst and no further', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 2 }, 0);
  assert.deepEqual(
    [0, 0, 0, 50, 100, 10_000, 10_000, 10_000].map((at) => bucket.take(at)),
    [0, 0, 100, 50, 0, 0, 0, 100],
  );
});
