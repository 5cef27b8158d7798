import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultThresholds } from '../snapshot/cluster.ts';
import { Breaker } from './circuit.ts';
import { setUp } from './http-pool.fixture.ts';

const h2 = { expectedStreams: 100 };

test('opens one connection for many streams, and shares it', () => {
  const { ask, connect, attempts, log, host, stats } = setUp(h2);
  for (const name of ['a', 'b', 'c']) ask(name);
  assert.equal(attempts.length, 1);
  connect(0, 100);
  ask('d');
  assert.deepEqual(log, ['a on c0', 'b on c0', 'c on c0', 'd on c0']);
  assert.deepEqual([host.activeRequests, stats.upstream_rq_active, stats.upstream_cx_http2_total], [4, 4, 1]);
});

test('opens another when all streams are taken, and fills the first again', () => {
  const { ask, connect, attempts, log } = setUp(h2);
  ask('a');
  const first = connect(0, 2);
  ask('b');
  ask('c');
  assert.equal(attempts.length, 2);
  first.finish();
  assert.deepEqual(log, ['a on c0', 'b on c0', 'c on c0']);
  connect(1, 2);
  ask('d');
  assert.deepEqual(log.slice(3), ['d on c1']);
});

test('opens as many as are needed when the peer takes only one stream each', () => {
  const { ask, connect, attempts, log } = setUp(h2);
  for (const name of ['a', 'b', 'c']) ask(name);
  assert.equal(attempts.length, 1);
  connect(0);
  assert.equal(attempts.length, 3);
  connect(1);
  connect(2);
  assert.deepEqual(log, ['a on c0', 'b on c1', 'c on c2']);
});

test('gives those that wait what the peer allows later', () => {
  const { ask, connect, log, host } = setUp({ ...h2 }, { maxConnections: 1 });
  ask('a');
  const connection = connect(0, 1);
  ask('b');
  assert.deepEqual(log, ['a on c0']);
  connection.allow(5);
  assert.deepEqual([log, host.activeRequests], [['a on c0', 'b on c0'], 2]);
});

test('is idle when its last stream ends, not before', () => {
  const { ask, connect, pool, clock, stats } = setUp(h2);
  ask('a');
  const connection = connect(0, 100);
  ask('b');
  connection.finish();
  assert.equal(pool.idle, 0);
  clock.advance(5_000);
  assert.equal(connection.isClosed, false);
  connection.finish();
  assert.equal(pool.idle, 1);
  clock.advance(5_000);
  assert.deepEqual([connection.isClosed, stats.upstream_cx_idle_timeout, pool.connections], [true, 1, 0]);
});

test('counts a connection that closes with streams under way', () => {
  const { ask, connect, host, stats, breaker } = setUp(h2);
  ask('a');
  const connection = connect(0, 100);
  ask('b');
  connection.close();
  assert.deepEqual([host.activeRequests, stats.upstream_rq_active, stats.upstream_cx_active], [0, 0, 0]);
  assert.equal(breaker.requests, 0);
});

test('ends in good order when it is too old: streams under way are not disturbed', () => {
  const { ask, connect, clock, log } = setUp({ ...h2, maxConnectionDurationMs: 10_000 });
  ask('a');
  const connection = connect(0, 100);
  ask('b');
  clock.advance(11_000);
  connection.finish();
  assert.deepEqual([connection.isDrained, connection.isClosed], [true, false]);
  ask('c');
  connect(1, 100);
  connection.finish();
  assert.deepEqual([log.at(-1), connection.isClosed], ['c on c1', true]);
});

test('streams of two breakers do not share a connection', () => {
  const { ask, connect, log } = setUp(h2);
  const high = new Breaker(defaultThresholds);
  ask('a');
  const first = connect(0, 100);
  ask('urgent', high);
  connect(1, 100);
  assert.deepEqual(log, ['a on c0', 'urgent on c1']);
  first.finish();
  ask('later', high);
  assert.equal(log.at(-1), 'later on c1');
});

test('a drained pool lets streams end, and takes no more on their connection', () => {
  const { ask, connect, pool } = setUp(h2);
  ask('a');
  const connection = connect(0, 100);
  ask('b');
  pool.drain();
  connection.finish();
  assert.equal(connection.isClosed, false);
  connection.finish();
  assert.deepEqual([connection.isClosed, pool.connections], [true, 0]);
});
