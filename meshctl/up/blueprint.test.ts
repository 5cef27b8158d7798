import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { blueprintOf } from './blueprint.ts';
import { instancesOf, portNamesOf } from './instances.ts';
import { layoutOf } from './layout.ts';
import { allocatePorts, readPorts } from './ports.ts';

const instances = instancesOf({ services: 2, traffic: true });
const names = ['admin', 'xds', ...portNamesOf(instances)];
const ports = Object.fromEntries(names.map((name, index) => [name, 20_000 + index]));
const blueprints = blueprintOf({ layout: layoutOf('/tmp/x'), ports }, instances, 40);
const find = (name: string) => blueprints.find((blueprint) => blueprint.name === name)!;

test('every instance has a sidecar, and orders as many instances as asked for', () => {
  const applications = ['orders-1', 'orders-2', 'payments-v1', 'payments-v2', 'inventory-1', 'traffic'];
  assert.deepEqual(
    blueprints.map(({ name }) => name),
    ['control-plane', ...applications.map((name) => `${name}-sidecar`), ...applications],
  );
});

test('an application knows its own sidecar and nobody else', () => {
  const { env } = find('payments-v2');
  assert.equal(env['HTTP_PROXY'], `http://127.0.0.1:${ports['payments-v2/proxy']}`);
  assert.deepEqual([env['NODE_USE_ENV_PROXY'], env['NO_PROXY'], env['APP_VERSION']], ['1', '', 'v2']);
  const told = JSON.stringify(find('payments-v2'));
  for (const [name, port] of Object.entries(ports))
    if (!name.startsWith('payments-v2/')) assert.ok(!told.includes(String(port)), name);
});

test('copies of a service share their store', () => {
  assert.equal(find('payments-v1').env['DATA_DIR'], find('payments-v2').env['DATA_DIR']);
  assert.notEqual(find('payments-v1').env['DATA_DIR'], find('orders-1').env['DATA_DIR']);
});

test('mesh processes get no proxy variables, and a token of their own service account', () => {
  for (const name of ['control-plane', 'payments-v1-sidecar'])
    assert.deepEqual(
      Object.keys(find(name).env).filter((key) => /proxy/i.test(key)),
      [],
    );
  assert.deepEqual(find('payments-v1-sidecar').identity, { namespace: 'shop', serviceAccount: 'payments' });
});

test('a sidecar runs with the flags of the npm script', () => {
  const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
  const { env, args } = find('payments-v1-sidecar');
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const flags = args.slice(
    0,
    args.findIndex((arg) => arg.endsWith('main.ts')),
  );
  assert.equal(
    scripts.sidecar,
    [...variables, 'exec node --import ./preload.mjs', ...flags, 'sidecar/main.ts'].join(' '),
  );
});

test('a sidecar takes the traffic of its application by the name of the port, that of the generator takes none', () => {
  const { args } = find('payments-v1-sidecar');
  const inbound = `http=${ports['payments-v1/http']}:${ports['payments-v1/inbound']}`;
  assert.equal(args[args.indexOf('--inbound') + 1], inbound);
  assert.ok(args.includes('--register'));
  assert.equal(args[args.indexOf('--concurrency') + 1], '1');
  assert.ok(!find('traffic-sidecar').args.some((flag) => flag === '--inbound' || flag === '--register'));
});

test('all stops in under five seconds, even if everything has to be killed', () => {
  const stages = Map.groupBy(blueprints, ({ stopStage }) => stopStage);
  const worstMs = [...stages.values()].reduce((sum, all) => sum + Math.max(...all.map((one) => one.stopGraceMs)), 0);
  assert.ok(worstMs < 5000, String(worstMs));
  const order = ['traffic', 'orders-1', 'orders-1-sidecar', 'control-plane'].map((name) => find(name).stopStage);
  assert.deepEqual(order, [0, 1, 2, 3]);
});

test('ports are kept while they are free, and each is given once', async () => {
  const isFree = async (port: number) => port !== 21_000;
  const wanted = { a: 21_000, b: 21_001, c: 21_001 };
  const given = await allocatePorts(['a', 'b', 'c', 'd'], wanted, () => 1 / 12 + 1e-9, isFree);
  assert.equal(given['b'], 21_001);
  assert.equal(new Set(Object.values(given)).size, 4);
  assert.ok(!Object.values(given).includes(21_000));
});

test('says that there is no port rather than looking for ever', async () => {
  await assert.rejects(
    allocatePorts(
      ['a'],
      {},
      () => 0,
      async () => false,
    ),
    /no free port/,
  );
});

test('a list of ports that cannot be read is none', () => {
  assert.deepEqual(readPorts('/nowhere/ports.json'), {});
});

test('a data folder whose socket path would be too long is refused at once', () => {
  assert.throws(() => layoutOf(`/tmp/${'x'.repeat(100)}`), /shorter --data|too long/);
});
