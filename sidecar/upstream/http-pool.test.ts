import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setUp } from './http-pool.fixture.ts';

test('connects for the first stream and uses the idle connection for the next', () => {
  const s = setUp();
  s.ask('a');
  assert.deepEqual([s.pool.pending, s.breaker.pending, s.host.activeRequests], [1, 1, 0]);
  const connection = s.connect(0);
  assert.deepEqual([s.breaker.pending, s.breaker.requests, s.breaker.connections, s.host.activeRequests], [0, 1, 1, 1]);
  connection.finish();
  assert.deepEqual([s.breaker.requests, s.host.activeRequests, s.pool.idle], [0, 0, 1]);
  assert.equal(s.ask('b'), null);
  assert.deepEqual([s.log, s.attempts.length], [['a on c0', 'b on c0'], 1]);
  assert.deepEqual([s.stats.upstream_rq_total, s.stats.upstream_cx_total, s.stats.upstream_rq_active], [2, 1, 1]);
});

test('a stream that waits takes whichever connection is free first', () => {
  const s = setUp();
  s.ask('a');
  const first = s.connect(0);
  s.ask('b');
  first.finish();
  assert.deepEqual(s.log, ['a on c0', 'b on c0']);
  s.connect(1);
  assert.equal(s.pool.idle, 1);
});

test('the connection that became idle last is used first', () => {
  const s = setUp();
  s.ask('a');
  s.ask('b');
  const [first, second] = [s.connect(0), s.connect(1)];
  second.finish();
  first.finish();
  s.ask('c');
  assert.equal(s.log.at(-1), 'c on c0');
});

test('beyond the connection limit streams wait, beyond the pending limit they overflow', () => {
  const s = setUp({}, { maxConnections: 1, maxPendingRequests: 1 });
  s.ask('a');
  const connection = s.connect(0);
  s.ask('b');
  assert.equal(s.ask('c'), null);
  assert.deepEqual([s.log, s.attempts.length], [['a on c0', 'c overflow resource_exhausted'], 1]);
  assert.deepEqual([s.stats.upstream_cx_overflow, s.stats.upstream_rq_pending_overflow], [1, 1]);
  connection.finish();
  assert.equal(s.log.at(-1), 'b on c0');
});

test('each host may have one connection, whatever the limit', () => {
  const s = setUp({}, { maxConnections: 0 });
  s.ask('a');
  s.ask('b');
  assert.deepEqual([s.attempts.length, s.stats.upstream_cx_overflow], [1, 2]);
});

test('beyond the request limit a stream overflows, and the connection stays for others', () => {
  const s = setUp({}, { maxRequests: 1 });
  s.ask('a');
  s.ask('b');
  s.connect(0);
  s.connect(1);
  assert.deepEqual(s.log, ['a on c0', 'b overflow resource_exhausted']);
  assert.equal(s.pool.idle, 1);
});

test('ever so many waiting streams overflow one after the other', () => {
  const s = setUp({}, { maxRequests: 0, maxPendingRequests: 50_000 });
  for (let n = 0; n < 20_000; n++) s.ask('x');
  s.connect(0);
  assert.deepEqual([s.log.length, s.pool.pending, s.pool.idle], [20_000, 0, 1]);
});

test('a connection that the peer closes while idle is not used again', () => {
  const s = setUp();
  s.ask('a');
  const connection = s.connect(0);
  connection.finish();
  connection.close();
  assert.deepEqual([s.pool.idle, s.breaker.connections, s.stats.upstream_cx_active], [0, 0, 0]);
  assert.equal(s.stats.upstream_cx_destroy_with_active_rq, 0);
  s.ask('b');
  assert.equal(s.attempts.length, 2);
});

test('a connection that breaks gives back its request, and who waited for it gets another', () => {
  const s = setUp({}, { maxConnections: 1 });
  s.ask('a');
  const connection = s.connect(0);
  s.ask('b');
  connection.close();
  assert.deepEqual([s.host.activeRequests, s.breaker.requests, s.attempts.length], [0, 0, 2]);
  assert.equal(s.stats.upstream_cx_destroy_with_active_rq, 1);
  assert.deepEqual([s.stats.upstream_cx_rx_bytes_total, s.stats.upstream_cx_tx_bytes_total], [10, 20]);
  s.connect(1);
  assert.equal(s.log.at(-1), 'b on c1');
});

test('a failed attempt to connect fails all that wait, with its reason', () => {
  const s = setUp();
  s.ask('a');
  s.ask('b');
  s.attempts[0]?.failed('connect_refused');
  assert.deepEqual(s.log, ['a connectFailure connect_refused', 'b connectFailure connect_refused']);
  s.attempts[1]?.failed('connect_timeout');
  assert.deepEqual([s.breaker.connections, s.breaker.pending, s.host.stats.cx_active], [0, 0, 0]);
  assert.deepEqual(
    [s.stats.upstream_cx_connect_fail, s.stats.upstream_cx_connect_timeout, s.stats.upstream_rq_pending_failure_eject],
    [2, 1, 2],
  );
});

test('a stream that is asked for again from within a failure is not failed with the rest', () => {
  const s = setUp();
  const pending = s.pool.newStream({ onReady: () => assert.fail(), onFailure: () => s.ask('again') }, s.breaker);
  assert.ok(pending);
  s.attempts[0]?.failed('connect_refused');
  assert.deepEqual([s.log, s.pool.pending, s.attempts.length], [[], 1, 2]);
});

test('a cancelled stream hears nothing, and its connection is kept for others', () => {
  const s = setUp();
  s.ask('a')?.cancel();
  assert.deepEqual([s.breaker.pending, s.stats.upstream_rq_cancelled], [0, 1]);
  s.connect(0);
  assert.deepEqual([s.log, s.pool.idle], [[], 1]);
});

test('closes an idle connection after its time, with one timer for all', () => {
  const s = setUp({ idleTimeoutMs: 3_000 });
  s.ask('a');
  s.ask('b');
  const [first, second] = [s.connect(0), s.connect(1)];
  first.finish();
  s.clock.advance(1_000);
  second.finish();
  assert.equal(s.clock.pending, 1);
  s.clock.advance(2_000);
  assert.deepEqual([first.isClosed, second.isClosed, s.pool.idle], [true, false, 1]);
  s.clock.advance(1_000);
  assert.deepEqual([second.isClosed, s.stats.upstream_cx_idle_timeout, s.clock.pending], [true, 2, 0]);
});

test('honours the time that the peer announces, less a margin', () => {
  const s = setUp({ idleTimeoutMs: 60_000 });
  s.ask('a');
  const connection = s.connect(0);
  connection.keepAlive(5_000);
  connection.finish();
  s.clock.advance(3_999);
  assert.equal(connection.isClosed, false);
  s.clock.advance(1);
  assert.equal(connection.isClosed, true);
});

test('the last request that a connection may carry drains it', () => {
  const s = setUp({ maxRequestsPerConnection: 2 });
  s.ask('a');
  const connection = s.connect(0);
  assert.equal(connection.isDrained, false);
  connection.finish();
  s.ask('b');
  assert.equal(connection.isDrained, true);
  connection.finish();
  assert.deepEqual([connection.isClosed, s.stats.upstream_cx_max_requests, s.breaker.connections], [true, 1, 0]);
});

test('a connection past its longest life is not used again', () => {
  const s = setUp({ maxConnectionDurationMs: 10_000, idleTimeoutMs: 0 });
  s.ask('a');
  const connection = s.connect(0);
  s.clock.advance(9_000);
  connection.finish();
  s.ask('b');
  s.clock.advance(2_000);
  connection.finish();
  assert.deepEqual([s.log, connection.isClosed], [['a on c0', 'b on c0'], true]);
  assert.equal(s.stats.upstream_cx_max_duration_reached, 1);
});

test('renewing closes idle connections alone, and the next stream gets a new one', () => {
  const s = setUp();
  s.ask('a');
  s.ask('b');
  const [idle, busy] = [s.connect(0), s.connect(1)];
  idle.finish();
  s.pool.renew();
  assert.deepEqual([idle.isClosed, busy.isClosed, s.pool.connections], [true, false, 1]);
  s.ask('c');
  s.connect(2);
  assert.equal(s.log.at(-1), 'c on c2');
});

test('draining closes idle connections and lets busy ones end', () => {
  const s = setUp();
  s.ask('a');
  s.ask('b');
  const [idle, busy] = [s.connect(0), s.connect(1)];
  idle.finish();
  s.pool.drain();
  assert.deepEqual([idle.isClosed, busy.isClosed, busy.isDrained], [true, false, true]);
  busy.finish();
  assert.deepEqual([s.pool.connections, s.clock.pending], [0, 0]);
});

test('draining still serves who waits, and gives up attempts to connect that nobody waits for', () => {
  const s = setUp();
  s.ask('a');
  s.pool.drain();
  const connection = s.connect(0);
  assert.deepEqual([s.log, connection.isDrained], [['a on c0'], true]);
  const unneeded = setUp();
  unneeded.ask('a')?.cancel();
  unneeded.pool.drain();
  assert.deepEqual([unneeded.attempts[0]?.isCancelled, unneeded.pool.connections], [true, 0]);
  assert.equal(unneeded.connect(0).isClosed, true);
});

test('closing cancels attempts to connect, fails who waits and closes all', () => {
  const s = setUp();
  s.ask('a');
  const busy = s.connect(0);
  s.ask('b');
  s.pool.close();
  assert.deepEqual([s.log.at(-1), busy.isClosed, s.attempts[1]?.isCancelled], ['b closed closed', true, true]);
  assert.deepEqual([s.breaker.connections, s.breaker.requests, s.breaker.pending], [0, 0, 0]);
  assert.deepEqual([s.host.stats.cx_active, s.pool.connections, s.clock.pending], [0, 0, 0]);
});
