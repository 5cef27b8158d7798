import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type ConnectionOptions } from 'node:tls';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { Server } from '@grpc/grpc-js';
import { FakeClock } from '#shared/runtime/clock.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { aRoot, aWorkloadLeaf } from '../../test/support/certificates.ts';
import { Authority } from './authority.ts';
import { followServerCredential } from './grpc-server-credentials.ts';
import { checkGivenAuthority } from './key-store.ts';
import { ServerCertificate, type ServerCredential } from './server-certificate.ts';

const root = aRoot();

function aCredential(): ServerCredential {
  const keys = checkGivenAuthority({ certificate: root.pem, key: new Secret(root.keyPem) }, Date.now());
  assert.ok(keys.ok);
  const authority = new Authority({
    keys: new WatchSource(keys.value),
    trustDomain: 'cluster.local',
    clock: new FakeClock(Date.now()),
  });
  const server = new ServerCertificate(
    authority,
    { dnsNames: [], addresses: ['127.0.0.1'] },
    new FakeClock(Date.now()),
    assert.fail,
  );
  const credential = server.credentials.current();
  assert.ok(credential);
  return credential;
}

async function aServer(t: TestContext) {
  const source = new WatchSource<ServerCredential | null>(aCredential());
  const server = new Server();
  t.after(() => server.forceShutdown());
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind('127.0.0.1:0', followServerCredential(source));
  /** The serial that the server shows to a new connection. */
  const dial = async (options: ConnectionOptions = {}) => {
    const socket = connect({ host: '127.0.0.1', port, ca: root.pem, ALPNProtocols: ['h2'], ...options });
    try {
      await once(socket, 'secureConnect');
      return socket.getPeerX509Certificate()?.serialNumber.toLowerCase();
    } finally {
      socket.destroy();
    }
  };
  return { source, dial };
}

test('a running server shows each new certificate to new connections', async (t) => {
  const { source, dial } = await aServer(t);
  const first = source.current();
  assert.equal(await dial(), first?.serial);
  const second = aCredential();
  source.set(second);
  assert.notEqual(second.serial, first?.serial);
  assert.equal(await dial(), second.serial);
});

test('without a certificate connections are dropped, with the next one they are taken again', async (t) => {
  const { source, dial } = await aServer(t);
  source.set(null);
  await assert.rejects(dial());
  const next = aCredential();
  source.set(next);
  assert.equal(await dial(), next.serial);
});

test('client certificates are optional, and one that is not trusted does not end the connection', async (t) => {
  const { source, dial } = await aServer(t);
  const trusted = aWorkloadLeaf(root);
  const stranger = aWorkloadLeaf(aRoot());
  assert.equal(await dial({ cert: trusted.pem, key: trusted.keyPem }), source.current()?.serial);
  assert.equal(await dial({ cert: stranger.pem, key: stranger.keyPem }), source.current()?.serial);
});
