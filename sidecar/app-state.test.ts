import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { appPorts, appState } from './app-state.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

test('the ports of an application are those that it declares and those that services lead to', () => {
  const names = ['inbound|8080||', 'inbound|9090||', 'outbound|80||a.b', 'InboundPassthroughCluster'];
  const clusters = new Map(names.map((name) => [name, {}])) as unknown as Snapshot['clusters'];
  assert.deepEqual(appPorts([8080, 70], { clusters }), [8080, 70, 9090]);
});

test('an application that listens on one of its ports answers, of either family; connections are no listeners', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-net-'));
  context.after(() => rm(folder, { recursive: true }));
  const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n';
  const row = (local: string, state: string) =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  0\n`;
  await writeFile(join(folder, 'tcp'), head + row('00000000:1F90', '0A') + row('0100007F:2328', '01'));
  assert.equal(await appState([8080, 1], folder), 'answers');
  assert.equal(await appState([9000], folder), 'silent');
  await writeFile(join(folder, 'tcp6'), head + row('00000000000000000000000000000000:2328', '0A'));
  assert.equal(await appState([9000], folder), 'answers');
  assert.equal(await appState([], folder), 'unknown');
  assert.equal(await appState([8080], join(folder, 'nothing')), 'unknown');
});

test('the system is asked as it is', { skip: process.platform === 'linux' ? false : 'needs Linux' }, async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  assert.equal(await appState([port]), 'answers');
  server.close();
  await once(server, 'close');
  assert.equal(await appState([port]), 'silent');
});
