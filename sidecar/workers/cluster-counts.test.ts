import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultThresholds } from '../snapshot/cluster.ts';
import { Breaker } from '../upstream/circuit.ts';
import { ClusterCounts, tablesOf } from './cluster-counts.ts';

const limits = { ...defaultThresholds, maxRequests: 3, maxConnections: 100 };

/** The breakers of a cluster as these workers have them. */
function breakers(counts: ClusterCounts, cluster: string, ...workers: number[]) {
  const block = counts.blocks.get(cluster);
  assert.ok(block !== undefined);
  return workers.map((worker) => {
    const tables = tablesOf(block, worker);
    return { default: new Breaker(limits, tables.default), high: new Breaker(limits, tables.high) };
  });
}

test('a limit holds over all workers, and each priority has its own', () => {
  const counts = new ClusterCounts(2);
  counts.setClusters(['a']);
  const [one, other] = breakers(counts, 'a', 0, 1);
  assert.ok(one !== undefined && other !== undefined);
  assert.deepEqual(
    [one, other, one, other].map((worker) => worker.default.takeRequest()),
    [true, true, true, false],
  );
  assert.equal(other.high.takeRequest(), true);
  assert.deepEqual([one.default.requests, one.high.requests], [3, 1]);
});

test('what a dead worker had taken is given back, and nothing of the others', () => {
  const counts = new ClusterCounts(3);
  counts.setClusters(['a', 'b']);
  const [dead, alive] = breakers(counts, 'a', 0, 2);
  const [deadToo] = breakers(counts, 'b', 0);
  dead?.default.takeRequest();
  dead?.default.takeConnection();
  dead?.high.takePending();
  deadToo?.default.takeRetry();
  alive?.default.takeRequest();
  alive?.default.takeConnection();
  counts.forget(0);
  const seen = ({ connections, pending, requests, retries }: Breaker) => [connections, pending, requests, retries];
  assert.deepEqual(alive && [seen(alive.default), seen(alive.high)], [
    [1, 0, 1, 0],
    [0, 0, 0, 0],
  ]);
  assert.deepEqual(deadToo && seen(deadToo.default), [0, 0, 0, 0]);
  // Its successor begins at nought, and dies.
  breakers(counts, 'a', 0)[0]?.default.takeRequest();
  counts.forget(0);
  assert.deepEqual(alive && seen(alive.default), [1, 0, 1, 0]);
});

test('a cluster keeps its counts as long as it is there', () => {
  const counts = new ClusterCounts(1);
  counts.setClusters(['a', 'b']);
  const [a, b] = ['a', 'b'].map((name) => counts.blocks.get(name));
  counts.setClusters(['b', 'c']);
  assert.deepEqual([...counts.blocks.keys()], ['b', 'c']);
  assert.equal(counts.blocks.get('b'), b);
  counts.setClusters(['a']);
  assert.notEqual(counts.blocks.get('a'), a);
});
