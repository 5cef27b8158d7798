import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { credentials, Metadata } from '@grpc/grpc-js';
import { systemClock } from '#shared/runtime/clock.ts';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { createLogger } from '#shared/telemetry/logger.ts';
import type { XdsNode } from '#shared/xds/discovery.ts';
import { createAdsClient } from '#shared/xds/services.ts';
import { XdsClient } from '../../sidecar/xds/ads-client.ts';
import { eventually } from '../support/eventually.ts';
import { build } from '../../control-plane/app.ts';
import { parseSettings } from '../../control-plane/settings.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const service = (port: number) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: orders, namespace: shop}\nspec: {selector: {app: orders}, ports: [{port: ${port}, name: http}]}\n`;

async function start(files: Record<string, string>, flags: readonly string[] = []) {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-app-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const addresses = ['--xds-tls', '--xds-plaintext', '--admin'].flatMap((flag) => [flag, '127.0.0.1:0']);
  const settings = parseSettings(['--config-dir', folder, '--data-dir', join(folder, '.data'), ...addresses, ...flags]);
  assert.ok(settings.ok && settings.value !== 'help');
  const logger = createLogger({ level: 'error', format: 'json' });
  const controlPlane = await build(settings.value, logger);
  cleanUps.push(() => controlPlane.close());
  const admin = async (path: string) => {
    const response = await fetch(`http://${controlPlane.addresses.admin}${path}`);
    return (await response.json()) as Record<string, unknown>;
  };
  return { controlPlane, write, admin, folder };
}

/** The sidecar's own client. */
function connect(address: string, node: Partial<XdsNode> = {}) {
  const logged: string[] = [];
  const client = new XdsClient({
    node: {
      id: 'sidecar~10.0.0.1~client.shop~shop.svc.cluster.local',
      cluster: 'client',
      metadata: { NAMESPACE: 'shop' },
      ...node,
    },
    open: () =>
      Promise.resolve({ client: createAdsClient(address, credentials.createInsecure()), metadata: new Metadata() }),
    clock: systemClock,
    random: () => 0.5,
    log: (_level, message, facts) => logged.push(`${message} ${JSON.stringify(facts)}`),
    onAccepted: () => undefined,
  });
  client.start();
  cleanUps.push(() => client.close());
  const has = (name: string) => client.view.current().snapshot.clusters.has(name);
  return { has, logged, clusters: () => client.view.current().snapshot.clusters.size };
}

test('a change in the folder reaches a connected proxy, and how far it has come is told', async () => {
  const { controlPlane, write, admin } = await start({ 'orders.yaml': service(80) });
  assert.equal(controlPlane.readiness.isReady, true);
  const [address = ''] = controlPlane.addresses.plaintext;
  const { has } = connect(address);
  await eventually(() => has('outbound|80||orders.shop.svc.cluster.local'));
  await write('orders.yaml', service(81));
  await eventually(() => has('outbound|81||orders.shop.svc.cluster.local'));
  // What is gone stays until nothing can refer to it any more.
  await eventually(() => !has('outbound|80||orders.shop.svc.cluster.local'));
  await eventually(async () => {
    const { distribution } = await admin('/api/v1/resources/Service/shop/orders');
    const { applied, total, refused } = distribution as { applied: number; total: number; refused: unknown[] };
    assert.deepEqual([applied, total, refused], [1, 1, []]);
  });
  const { items } = await admin('/api/v1/proxies');
  assert.deepEqual(
    (items as { name: string; namespace: string }[]).map(({ name, namespace }) => `${name}.${namespace}`),
    ['client.shop'],
  );
});

test('a broken file takes nothing away, and is told with its line', async () => {
  const { controlPlane, write, admin } = await start({ 'orders.yaml': service(80) });
  const { has } = connect(controlPlane.addresses.plaintext[0] ?? '');
  await eventually(() => has('outbound|80||orders.shop.svc.cluster.local'));
  await write('orders.yaml', service(80).replace('port: 80', 'port: none'));
  await eventually(async () => {
    const { problems, inForce } = await admin('/api/v1/resources/Service/shop/orders');
    assert.deepEqual([inForce, (problems as { line: number }[])[0]?.line], [true, 4]);
  });
  assert.equal(has('outbound|80||orders.shop.svc.cluster.local'), true);
});

test('a node that is none is refused by name, and disturbs nobody', async () => {
  const { controlPlane } = await start({ 'orders.yaml': service(80) });
  const [address = ''] = controlPlane.addresses.plaintext;
  const stranger = connect(address, { id: 'stranger' });
  await eventually(() => stranger.logged.length > 0);
  assert.match(stranger.logged[0] ?? '', /node\.id.*stranger is not sidecar~/);
  const odd = connect(address, { metadata: { NAMESPACE: 'shop', LABELS: { app: { toString: 0 } } } });
  await eventually(() => odd.clusters() > 0);
});

test('mesh-wide settings that cannot be read are an error that names the file', async () => {
  const missing = join(tmpdir(), 'tulle-no-such-file.yaml');
  await assert.rejects(start({}, ['--mesh-config', missing]), (error) => {
    assert.ok(isMeshError(error, 'io'));
    assert.match(error.message, /--mesh-config .*tulle-no-such-file\.yaml cannot be read/);
    return true;
  });
});
