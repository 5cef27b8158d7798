import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { appPorts, appState } from './app-state.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

test('the ports of an application are those that it declares and those that services lead to', () => {
  const names = ['inbound|8080||', 'inbound|9090||', 'outbound|80||a.b', 'InboundPassthroughCluster'];
  const clusters = new Map(names.map((name) => [name, {}])) as unknown as Snapshot['clusters'];
  assert.deepEqual(appPorts([8080, 70], { clusters }), [8080, 70, 9090]);
});

test('an application that listens on one of its ports answers; refused everywhere it is silent', async () => {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  assert.equal(await appState('127.0.0.1', [1, port]), 'answers');
  // The address of the pod, where it does not listen.
  assert.equal(await appState('127.0.0.9', [port]), 'answers');
  server.close();
  await once(server, 'close');
  assert.equal(await appState('127.0.0.1', [1, port]), 'silent');
  assert.equal(await appState('127.0.0.1', []), 'unknown');
});
