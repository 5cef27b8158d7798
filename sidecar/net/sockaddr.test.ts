import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSockaddr } from './sockaddr.ts';

const sockaddr = (hex: string) => parseSockaddr(Buffer.from(hex.padEnd(56, '0'), 'hex'));

test('reads addresses of both families as Node writes them', () => {
  assert.deepEqual(sockaddr('02001f900a010203'), { address: '10.1.2.3', port: 8080 });
  assert.deepEqual(sockaddr('0a0001bb0000000020010db8000000000000000000000001'), {
    address: '2001:db8::1',
    port: 443,
  });
  assert.deepEqual(sockaddr('0a0001bb00000000fd000001000200030004000500060007'), {
    address: 'fd00:1:2:3:4:5:6:7',
    port: 443,
  });
  assert.equal(sockaddr('0a00000100000000')?.address, '::');
  assert.equal(sockaddr('01001f90'), null);
});
