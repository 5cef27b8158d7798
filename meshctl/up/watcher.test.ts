import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { MeshWatcher } from './watcher.ts';

const line = (more: object = {}) => JSON.stringify({ rps: 10, ok: 9, failed: 1, p50: 1, p99: 2, placed: 4, ...more });
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

function arrange() {
  const clock = new FakeClock();
  const statuses: string[] = [];
  const firstOrders: number[] = [];
  const watcher = new MeshWatcher({
    clock,
    readMetrics: async () => ['istio_requests_total{reporter="destination",connection_security_policy="mutual_tls"} 5'],
    counts: () => ({ up: 1, all: 1 }),
    onStatus: (text) => statuses.push(text),
    onFirstOrder: (atMs) => firstOrders.push(atMs),
  });
  return { clock, statuses, firstOrders, watcher };
}

test('tells the status every second until it is stopped', async () => {
  const { clock, statuses, watcher } = arrange();
  watcher.start();
  for (let second = 0; second < 3; second++) {
    clock.advance(1000);
    await settle();
  }
  assert.deepEqual(statuses, [
    'mTLS 100% · 1 processes up',
    'mTLS 100% · 1 processes up',
    'mTLS 100% · 1 processes up',
  ]);
  watcher.stop();
  clock.advance(5000);
  await settle();
  assert.equal(statuses.length, 3);
});

test('tells the first order once', () => {
  const { firstOrders, watcher } = arrange();
  watcher.takeLine(line());
  watcher.takeLine(line({ firstOrderAt: '2026-01-01T00:00:00.000Z' }));
  watcher.takeLine(line({ firstOrderAt: '2026-01-01T00:00:00.000Z' }));
  assert.deepEqual(firstOrders, [Date.parse('2026-01-01T00:00:00.000Z')]);
});

test('sums up what traffic did', () => {
  const { watcher } = arrange();
  assert.equal(watcher.summary(), null);
  watcher.takeLine(line());
  watcher.takeLine(line({ placed: 8, paid: 3, completed: 2, cancelled: 1 }));
  assert.equal(
    watcher.summary(),
    '20 requests, 2 failed; orders: 8 placed, 3 paid, 2 completed, 1 cancelled; wrong answers: 0.',
  );
});
