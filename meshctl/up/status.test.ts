import assert from 'node:assert/strict';
import test from 'node:test';
import { countArrivals, mutualTlsShare } from './mutual-tls.ts';
import { Screen } from './screen.ts';
import { formatStatus } from './status-line.ts';
import { parseTrafficReport, type TrafficReport } from './traffic-report.ts';

const noOrders = { placed: 0, paid: 0, completed: 0, cancelled: 0, wrong: 0 };
const aReport = (changes: Partial<TrafficReport> = {}): TrafficReport => ({
  requestsPerSecond: 41.26,
  ok: 99,
  failed: 1,
  p50Ms: 3.14,
  p99Ms: 123.4,
  versions: { v1: 9, v2: 1 },
  orders: noOrders,
  firstOrderAt: 1000,
  ...changes,
});

test('reads a report of the traffic generator, and nothing else', () => {
  const line = { rps: 2, ok: 3, failed: 0, p50: 4, p99: 5, versions: { v1: 1 }, placed: 7, wrong: 1 };
  const firstOrderAt = '2026-01-01T00:00:00.000Z';
  assert.deepEqual(parseTrafficReport(JSON.stringify({ ...line, firstOrderAt })), {
    requestsPerSecond: 2,
    ok: 3,
    failed: 0,
    p50Ms: 4,
    p99Ms: 5,
    versions: { v1: 1 },
    orders: { ...noOrders, placed: 7, wrong: 1 },
    firstOrderAt: Date.parse(firstOrderAt),
  });
  const others = ['', 'listening', '{"listening":{}}', '[1]', 'null', '{', JSON.stringify({ ...line, summary: true })];
  for (const other of others) assert.equal(parseTrafficReport(other), null, other);
});

const status = { recent: [aReport()], failed: 0, mutualTls: 1, up: 11, all: 11 };

test('the status line shows what is asked of it', () => {
  assert.equal(
    formatStatus(status),
    '41.3 req/s · success 99.00% · p50 3.1 ms · p99 123 ms · mTLS 100% · payments v1 90% v2 10% · 11 processes up',
  );
});

test('success and the split between versions are those of the last seconds, failures those of all the time', () => {
  const recent = [
    aReport({ ok: 20, failed: 0, versions: { v1: 10 } }),
    aReport({ ok: 10, failed: 10, versions: { v2: 30 } }),
  ];
  const line = formatStatus({ ...status, recent, failed: 12, up: 10 });
  assert.match(line, /success 75\.00% \(12 failed in all\)/);
  assert.match(line, /payments v1 25% v2 75% · 10 of 11 processes up/);
});

test('success is never rounded up to all', () => {
  assert.match(formatStatus({ ...status, recent: [aReport({ ok: 999_999, failed: 1 })] }), /success 99\.99%/);
});

test('answers that contradict what went before are told', () => {
  const recent = [aReport({ orders: { ...noOrders, wrong: 2 } })];
  assert.match(formatStatus({ ...status, recent }), /2 wrong answers/);
});

test('without traffic the line tells of processes and mTLS', () => {
  assert.equal(formatStatus({ ...status, recent: [], mutualTls: null, up: 3 }), 'mTLS - · 3 of 11 processes up');
});

const metrics = `# TYPE istio_requests_total counter
istio_requests_total{reporter="destination",connection_security_policy="mutual_tls"} 30
istio_requests_total{reporter="destination",connection_security_policy="none"} 10
istio_requests_total{reporter="source",connection_security_policy="unknown"} 99
istio_request_bytes_count{reporter="destination",connection_security_policy="mutual_tls"} 7
`;

test('counts what arrived, and what of it by mutual TLS', () => {
  assert.deepEqual(countArrivals(metrics), { all: 40, mutualTls: 30 });
});

test('the share of mutual TLS is that of the latest requests', () => {
  const now = { all: 40, mutualTls: 30 };
  assert.equal(mutualTlsShare(now, { all: 30, mutualTls: 20 }), 1);
  assert.equal(mutualTlsShare(now, null), 0.75);
  assert.equal(mutualTlsShare(now, now), 0.75);
  assert.equal(mutualTlsShare(now, { all: 100, mutualTls: 100 }), 0.75);
  assert.equal(mutualTlsShare({ all: 0, mutualTls: 0 }, null), null);
});

function aScreen(isTerminal: boolean) {
  let text = '';
  let nowMs = 0;
  const screen = new Screen({ write: (more) => (text += more), isTerminal, columns: () => 24, now: () => nowMs });
  return { screen, text: () => text, advance: (ms: number) => (nowMs += ms) };
}

test('off a terminal the status is said every five seconds, without control characters', () => {
  const { screen, text, advance } = aScreen(false);
  for (const status of ['a', 'b', 'c']) {
    screen.status(status);
    advance(2500);
  }
  screen.line('note');
  assert.equal(text(), 'a\nc\nnote\n');
});

test('on a terminal the status is written over, notes stand above it, and it never wraps', () => {
  const { screen, text } = aScreen(true);
  screen.status('a');
  screen.line('note');
  screen.status('0123456789012345678901234567');
  const clear = '\r\u001B[2K';
  assert.equal(text(), `${clear}a${clear}note\na${clear}0123456789012345678901…`);
});
