import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAuthority } from './authority.ts';

const table: readonly [authority: string, address: string | null, port?: number][] = [
  ['orders', 'orders', 80],
  ['orders:8080', 'orders', 8080],
  ['10.0.0.1:1', '10.0.0.1', 1],
  ['[::1]:443', '::1', 443],
  ['[fd00::1]', 'fd00::1', 80],
  ['orders:65535', 'orders', 65_535],
  ['orders:65536', null],
  ['orders:123456', null],
  ['orders:', null],
  ['orders:http', null],
  ['', null],
  [':80', null],
  ['::1', null],
  ['[::1', null],
  ['a:1:2', null],
  ['[]:80', null],
  ['[nothex!]:80', null],
];

for (const [authority, address, port] of table) {
  test(`'${authority}' ${address === null ? 'is no authority' : `leads to ${address} ${port}`}`, () => {
    assert.deepEqual(parseAuthority(authority), address === null ? null : { address, port });
  });
}

test('CONNECT has another default port', () => {
  assert.deepEqual(parseAuthority('orders', 443), { address: 'orders', port: 443 });
});
