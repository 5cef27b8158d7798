import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultInjectionSettings } from './injection-settings.ts';
import { parseInjectionSettings } from './parse-settings.ts';
import { parseMeshConfig } from '../model/mesh-config.ts';
import { honouredProxyFields } from './proxy-config.ts';

const parse = (injector?: unknown, mesh?: unknown) => parseInjectionSettings({ injector, mesh, image: 'i:1' });

function problemsOf(injector?: unknown, mesh?: unknown): string[] {
  const result = parse(injector, mesh);
  return (result.ok ? result.warnings : result.problems).map(({ path, message }) => `${path}: ${message}`);
}

test('no document is the defaults', () => {
  for (const document of [undefined, null, {}])
    assert.deepEqual(parse(document), { ok: true, value: defaultInjectionSettings('i:1'), warnings: [] });
});

test('settings go over the defaults, part by part', () => {
  const result = parse(
    { revision: 'canary', image: 'r/i:2', proxy: { excludeOutboundPorts: 5432, resources: { limits: { cpu: null } } } },
    { trustDomain: 'example.org', defaultConfig: { concurrency: 2 } },
  );
  assert.ok(result.ok);
  const { revision, image, proxy, mesh } = result.value;
  assert.deepEqual(
    [revision, image, proxy.excludeOutboundPorts, proxy.includeInboundPorts],
    ['canary', 'r/i:2', '5432', '*'],
  );
  assert.deepEqual(proxy.resources, { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '1024Mi' } });
  assert.deepEqual(mesh, {
    trustDomain: 'example.org',
    enablePrometheusMerge: true,
    defaultConfig: { concurrency: 2 },
  });
});

test('what is wrong is refused by name, all at once', () => {
  assert.deepEqual(
    problemsOf(
      {
        policy: 'on',
        polcy: 'enabled',
        proxy: { statusPort: 70_000, includeIPRanges: '10.0.0.0', unknown: 1 },
        neverInjectSelector: [{ matchExpressions: [{ key: 'a', operator: 'Like' }] }],
        templates: { a: '{', b: 'spec: {containers: [{image: x}]}', c: 'metadata: {labels: {a: "{{ .Name }}"}}' },
        aliases: { d: ['nobody'] },
      },
      { defaultConfig: { nobody: 1 } },
    ).map((text) => text.replace(/(not YAML): .*/, '$1')),
    [
      'polcy: is no setting of the injector',
      'policy: "on" is not valid, must be one of enabled, disabled',
      'templates.a: is not YAML',
      'templates.b: must be a part of a pod: metadata, spec',
      'templates.c: {{ .Name }} is no placeholder, there are namespace, podName, workloadName, workloadKind, serviceAccount, revision, image, controlPlane, trustDomain, clusterId, network, meshId, container, label, annotation',
      'neverInjectSelector[0].matchExpressions[0].operator: "Like" is not one of In, NotIn, Exists, DoesNotExist',
      'proxy.unknown: is no setting of the injector',
      'proxy.statusPort: 70000 is not valid, must be a port from 0 to 65535',
      'proxy.includeIPRanges: "10.0.0.0" is not valid, must be * or a list of address ranges with commas between, such as 10.0.0.0/8,192.168.1.0/24',
      'mesh config: defaultConfig: nobody: is no field of ProxyConfig',
      'aliases.d: there is no template "nobody", there are sidecar, gateway, grpc-simple, grpc-agent, c, d',
    ],
  );
});

test('a document of another shape is refused', () => {
  assert.deepEqual(problemsOf([]), [': must be an object']);
  assert.deepEqual(problemsOf({ templates: 'x' }), ['templates: must be an object']);
});

test('what a mesh says of proxies and is not honoured is told', () => {
  assert.deepEqual(problemsOf(undefined, { defaultConfig: { tracing: {} } }), [
    'mesh config: defaultConfig: tracing: is not honoured',
  ]);
});

test('the mesh config takes every field of a proxy that is honoured here', () => {
  for (const name of honouredProxyFields) {
    const config = parseMeshConfig({ defaultConfig: { [name]: null } });
    assert.deepEqual(config.ok && config.warnings, [], name);
  }
  const fields = Object.fromEntries(honouredProxyFields.map((name) => [name, name === 'proxyMetadata' ? {} : 'h:1']));
  const config = parseMeshConfig({ enablePrometheusMerge: true, defaultConfig: fields });
  assert.deepEqual(config.ok && config.warnings, []);
});
