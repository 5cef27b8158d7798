import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Maglev } from './maglev.ts';

const hosts = [90, 91, 92, 93, 94, 95].map((port) => ({ key: `127.0.0.1:${port}`, weight: 1, activeRequests: 0 }));

const ports = (table: Maglev<(typeof hosts)[number]>, hashes: bigint[], attempt = 0) =>
  hashes.map((hash) => Number(table.pick(hash, attempt).key.split(':')[1]));

test('fills the table that Envoy fills (maglev_lb_test.cc, Basic)', () => {
  const seven = new Maglev(hosts, 7, Math.random);
  assert.deepEqual(ports(seven, [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]), [92, 94, 90, 91, 95, 90, 93, 92, 94]);
});

test('the order of the hosts makes no difference', () => {
  const seven = new Maglev(hosts.toReversed(), 7, Math.random);
  assert.deepEqual(ports(seven, [0n, 1n, 2n, 3n, 4n, 5n, 6n]), [92, 94, 90, 91, 95, 90, 93]);
});

test('a rejected host makes another key of the hash', () => {
  const seven = new Maglev(hosts, 7, Math.random);
  // 2^64 - 1 is 1 modulo 7.
  assert.deepEqual(ports(seven, [0n], 1), [94]);
});
