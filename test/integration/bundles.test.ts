import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { after, before } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

const root = join(import.meta.dirname, '../..');
/** The bundles lie here alone: what they would miss of the repository is missing. */
let folder = '';
const running: ChildProcess[] = [];

before(() => {
  const built = mkdtempSync(join(tmpdir(), 'tulle-build-'));
  folder = mkdtempSync(join(tmpdir(), 'tulle-bundles-'));
  const build = spawnSync(process.execPath, ['build.ts', '--out', built], { cwd: root, encoding: 'utf8' });
  assert.equal(build.status, 0, build.stderr);
  cpSync(built, join(folder, 'bundles'), { recursive: true });
  rmSync(built, { recursive: true });
  cpSync(join(root, 'manifests/examples'), join(folder, 'config'), { recursive: true });
});

after(async () => {
  for (const child of running.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
});

const bundle = (component: string) => join(folder, 'bundles', component, 'main.js');
const environment = { PATH: process.env['PATH'] ?? '', HOME: folder };

function run(component: string, ...args: string[]) {
  return spawnSync(process.execPath, [bundle(component), ...args], { cwd: folder, encoding: 'utf8', env: environment });
}

/** Starts a bundle with flags that are parted by blanks. */
function start(component: string, flags: string) {
  const child = spawn(process.execPath, [bundle(component), ...flags.split(' ')], { cwd: folder, env: environment });
  running.push(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return { child, stderr: () => stderr };
}

for (const component of ['control-plane', 'sidecar', 'meshctl']) {
  test(`the bundle of ${component} prints its help from an empty folder`, () => {
    const { status, stdout, stderr } = run(component, '--help');
    assert.equal(status, 0, stderr);
    assert.match(stdout, component === 'meshctl' ? /Usage: meshctl/ : new RegExp(`^${component} --`));
    assert.equal(stderr, '');
  });
}

test('a bundle refuses an old Node with a sentence, not with a syntax error', () => {
  // The first lines are what an old Node would run; its version is put in their mouth.
  const script = `Object.defineProperty(process.versions, 'node', { value: '20.1.0' }); await import(${JSON.stringify(bundle('sidecar'))});`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(status, 69);
  assert.match(stderr, /^Tulle needs Node 26/);
});

test('the native code that the sidecar needs lies beside its bundle', () => {
  const script = `const koffi = require('koffi'); process.stdout.write(typeof koffi.load(null).func('int getpid()')());`;
  const native = join(folder, 'bundles', 'sidecar', 'native.cjs');
  writeFileSync(native, script);
  const { stdout, stderr } = spawnSync(process.execPath, [native], { cwd: folder, encoding: 'utf8', env: environment });
  assert.equal(stdout, 'number', stderr);
});

test('the bundle of meshctl says that it cannot start a mesh without the sources', () => {
  const { status, stderr } = run('meshctl', 'up', '--data', join(folder, 'up'));
  assert.equal(status, 1);
  assert.match(stderr, /starts the components from their sources/);
});

test('the bundle of meshctl judges files', () => {
  writeFileSync(join(folder, 'bad.yaml'), 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: 7}\n');
  const { status, stdout } = run('meshctl', 'validate', '-f', join(folder, 'bad.yaml'));
  assert.equal(status, 65);
  assert.match(stdout, /bad\.yaml:4: error: spec\.ports/);
});

test('the bundle of the sidecar serves a bootstrap file', async () => {
  const { child, stderr } = start('sidecar', `--config-path ${writeBootstrap()}`);
  const line = await eventually(() => {
    assert.equal(child.exitCode, null, stderr());
    return /"sidecar is up"/.test(stderr());
  });
  assert.equal(line, true);
  const port = await eventually(() => Number(/"port":(\d+)/.exec(stderr().slice(stderr().indexOf('"web"')))?.[1]));
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.deepEqual([response.status, await response.text()], [418, 'from the bundle']);
});

test('the bundles of control plane and sidecar find each other: certificate, configuration, readiness', async () => {
  const controlPlane = start(
    'control-plane',
    '--config-dir config --data-dir cp --xds-tls 127.0.0.1:0 --xds-plaintext off --admin 127.0.0.1:0',
  );
  const [line] = (await once(createInterface({ input: controlPlane.child.stdout }), 'line')) as [string];
  const { tls, admin } = (JSON.parse(line) as { listening: { tls: string[]; admin: string } }).listening;
  const { root: ca } = (await (await fetch(`http://${admin}/api/v1/certificates`)).json()) as { root: { pem: string } };
  writeFileSync(join(folder, 'root.pem'), ca.pem);
  const token = run('meshctl', '--data-dir', 'cp', 'token', '--service-account', 'shop/orders');
  assert.equal(token.status, 0, token.stderr);
  const sidecar = start(
    'sidecar',
    `--control-plane ${tls[0]} --ca-cert root.pem --token ${token.stdout.trim()} --data-dir sc --name orders-1 --namespace shop ` +
      `--service-account orders --labels app=orders --interception NONE --http-proxy-port ${await freePort()} ` +
      '--admin 127.0.0.1:0 --readiness 127.0.0.1:0',
  );
  await eventually(async () => {
    assert.equal(sidecar.child.exitCode, null, sidecar.stderr());
    const port = /"admin":\{"host":"127.0.0.1","port":(\d+)\}/.exec(sidecar.stderr())?.[1];
    assert.equal((await fetch(`http://127.0.0.1:${port}/ready`)).status, 200, sidecar.stderr());
  });
  const proxies = run('meshctl', '--data-dir', 'cp', 'proxy', 'status', '-o', 'json');
  assert.equal(proxies.status, 0, proxies.stderr);
  assert.match(proxies.stdout, /"serviceAccount": "orders"/);
});

function writeBootstrap(): string {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'web',
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { prefix: '/' },
              direct_response: { status: 418, body: { inline_string: 'from the bundle' } },
            },
          ],
        },
      ],
    },
  };
  const listener = {
    name: 'web',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
  };
  const file = join(folder, 'bootstrap.json');
  writeFileSync(file, JSON.stringify({ node: { id: 'x' }, static_resources: { listeners: [listener] } }));
  return file;
}
