import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RingHash } from './ring-hash.ts';

const aHost = (key: string, weight = 1) => ({ key, weight, activeRequests: 0 });

const ring = (minimumSize: number, maximumSize: number, ...hosts: ReturnType<typeof aHost>[]) =>
  new RingHash(hosts, { minimumSize, maximumSize, hashFunction: 'xxHash' }, Math.random);

/** The hosts that Envoy's own tests state for this hash, of hosts 127.0.0.1:`first` and the five ports above it. */
function assertAnswers(hashFunction: 'xxHash' | 'murmur2', first: number, answers: readonly [bigint, number][]): void {
  const hosts = Array.from({ length: 6 }, (_, n) => aHost(`127.0.0.1:${first + n}`));
  const twelve = new RingHash(hosts, { minimumSize: 12, maximumSize: 8_388_608, hashFunction }, Math.random);
  assert.equal(twelve.size, 12);
  for (const [hash, port] of answers) assert.equal(twelve.pick(hash, 0).key, `127.0.0.1:${port}`, String(hash));
}

test('gives the hosts of the ring that Envoy builds (ring_hash_lb_test.cc, Basic)', () => {
  assertAnswers('xxHash', 90, [
    [0n, 94],
    [833_437_586_790_550_861n, 92],
    [3_551_244_743_356_806_947n, 95],
    [3_551_244_743_356_806_948n, 93],
    [5_583_722_120_771_150_862n, 91],
    [16_117_243_373_044_804_880n, 90],
    [16_117_243_373_044_804_890n, 94],
    [18_446_744_073_709_551_615n, 94],
  ]);
});

test('gives the hosts of the ring that Envoy builds by murmur2 (ring_hash_lb_test.cc, BasicWithMurmur2)', () => {
  assertAnswers('murmur2', 80, [
    [0n, 85],
    [1_358_027_074_129_602_068n, 85],
    [1_358_027_074_129_602_069n, 83],
    [10_150_910_876_324_007_730n, 82],
    [18_446_744_073_709_551_615n, 85],
  ]);
});

test('the lightest host gets a whole number of points, and the ring ends at its maximum', () => {
  assert.equal(ring(1024, 8_388_608, aHost('a:1'), aHost('b:1'), aHost('c:1')).size, 1026);
  assert.equal(ring(1024, 8_388_608, aHost('a:1', 1), aHost('b:1', 2)).size, 1026);
  assert.equal(ring(3, 3, aHost('a:1'), aHost('b:1')).size, 3);
});
