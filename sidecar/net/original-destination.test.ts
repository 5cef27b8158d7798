import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { parseSockaddr, loadOriginalDestination } from './original-destination.ts';
import { listenRaw } from './tls.fixture.ts';

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

test(
  'a connection that was not redirected has no other destination',
  { skip: process.platform !== 'linux' },
  async () => {
    const destinationOf = await loadOriginalDestination();
    const accepted = Promise.withResolvers<Socket>();
    const server = await listenRaw(accepted.resolve);
    const client = connect(server.port, '127.0.0.1');
    const found = destinationOf(await accepted.promise);
    // Where connections are tracked the kernel knows the destination, which is then our own address.
    assert.ok(found === null || found.port === server.port);
    client.destroy();
    server.close();
  },
);
