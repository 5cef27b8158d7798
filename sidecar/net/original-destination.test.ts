import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { loadOriginalDestination } from './original-destination.ts';
import { listenRaw } from './tls.fixture.ts';

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
