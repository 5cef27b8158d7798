import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectProtocol } from './protocol.ts';

test('goes by appProtocol, then by the prefix of the name, then by well-known ports', () => {
  assert.equal(selectProtocol({ port: 80, name: 'tcp-x', appProtocol: 'http' }), 'http');
  assert.equal(selectProtocol({ port: 80, appProtocol: 'kubernetes.io/h2c' }), 'http2');
  assert.equal(selectProtocol({ port: 80, appProtocol: 'kubernetes.io/ws' }), 'http');
  assert.equal(selectProtocol({ port: 80, appProtocol: 'kubernetes.io/wss' }), 'https');
  assert.equal(selectProtocol({ port: 80, name: 'http2-web' }), 'http2');
  assert.equal(selectProtocol({ port: 80, name: 'GRPC' }), 'grpc');
  assert.equal(selectProtocol({ port: 80, name: 'grpc-web-front' }), 'grpc-web');
  assert.equal(selectProtocol({ port: 80, name: 'grpc-front' }), 'grpc');
  assert.equal(selectProtocol({ port: 80, name: 'httpish' }), 'auto');
  assert.equal(selectProtocol({ port: 80 }), 'auto');
  assert.equal(selectProtocol({ port: 80, name: 'constructor' }), 'auto');
});

test('detects nothing where the server speaks first', () => {
  for (const port of [25, 53, 3306, 27017]) assert.equal(selectProtocol({ port, name: 'db' }), 'tcp');
  assert.equal(selectProtocol({ port: 3306, name: 'mysql' }), 'mysql');
  assert.equal(selectProtocol({ port: 53, transport: 'UDP' }), 'udp');
});
