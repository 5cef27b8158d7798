import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aRoot } from '../../test/support/certificates.ts';
import { tlsChannel } from './tls-channel.ts';

test('sends the host as server name, another name if one is given, and a placeholder for an address', () => {
  const rootsPem = aRoot().pem;
  const sent = (address: string, serverName?: string) =>
    tlsChannel({ address, serverName, rootsPem, own: null }).options['grpc.ssl_target_name_override'];
  assert.equal(sent('control-plane.mesh.svc:15012'), 'control-plane.mesh.svc');
  assert.equal(sent('127.0.0.1:15012'), 'address.invalid');
  assert.equal(sent('[::1]:15012'), 'address.invalid');
  assert.equal(sent('127.0.0.1:15012', 'control-plane.mesh.svc'), 'control-plane.mesh.svc');
});
