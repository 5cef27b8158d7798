import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultMeshConfig, parseMeshConfig } from './mesh-config.ts';

test('an empty document is the defaults', () => {
  for (const document of [null, undefined, {}])
    assert.deepEqual(parseMeshConfig(document), { ok: true, value: defaultMeshConfig, warnings: [] });
});

test('reads every setting that is honoured', () => {
  const result = parseMeshConfig({
    rootNamespace: 'mesh',
    trustDomain: 'example.org',
    accessLogFile: '/dev/stdout',
    accessLogEncoding: 'JSON',
    accessLogFormat: '%PROTOCOL%',
    outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
    enableAutoMtls: false,
    enableTracing: true,
    dnsRefreshRate: '5s',
    connectTimeout: '1.5s',
    protocolDetectionTimeout: '100ms',
    pathNormalization: { normalization: 'MERGE_SLASHES' },
    defaultConfig: { discoveryAddress: 'mesh.example.org:15012', proxyMetadata: { TULLE_COMPAT: 'istio', X: 'y' } },
  });
  assert.deepEqual(result, {
    ok: true,
    value: {
      rootNamespace: 'mesh',
      trustDomain: 'example.org',
      accessLogFile: '/dev/stdout',
      accessLogEncoding: 'JSON',
      accessLogFormat: '%PROTOCOL%',
      outboundTrafficPolicy: 'REGISTRY_ONLY',
      enableAutoMtls: false,
      enableTracing: true,
      dnsRefreshRateMs: 5000,
      connectTimeoutMs: 1500,
      protocolDetectionTimeoutMs: 100,
      pathNormalization: 'MERGE_SLASHES',
      discoveryAddress: 'mesh.example.org:15012',
      compat: 'istio',
      proxyMetadata: { TULLE_COMPAT: 'istio', X: 'y' },
      discoverySelectors: [],
    },
    warnings: [],
  });
});

test('warns by name of every key that is not honoured', () => {
  const result = parseMeshConfig({
    ingressClass: 'istio',
    defaultConfig: { tracing: {}, concurrency: 2 },
    nonsense: 1,
  });
  assert.ok(result.ok);
  assert.deepEqual(
    result.warnings.map(({ path }) => path),
    ['ingressClass', 'nonsense', 'defaultConfig.tracing'],
  );
});

test('refuses wrong values, all at once', () => {
  const result = parseMeshConfig({
    rootNamespace: 'a b',
    trustDomain: 'A',
    accessLogEncoding: 'XML',
    outboundTrafficPolicy: 'ALLOW_ANY',
    enableTracing: 'yes',
    connectTimeout: '2h',
    dnsRefreshRate: 5,
    defaultConfig: { discoveryAddress: 'mesh', proxyMetadata: { TULLE_COMPAT: 'envoy', PORT: 1 } },
  });
  assert.ok(!result.ok);
  assert.deepEqual(result.problems.map(({ path }) => path).sort(), [
    'accessLogEncoding',
    'connectTimeout',
    'defaultConfig.discoveryAddress',
    'defaultConfig.proxyMetadata.PORT',
    'defaultConfig.proxyMetadata.TULLE_COMPAT',
    'dnsRefreshRate',
    'enableTracing',
    'outboundTrafficPolicy',
    'rootNamespace',
    'trustDomain',
  ]);
  assert.equal(parseMeshConfig('x').ok, false);
});
