import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSettings } from '../settings.ts';

const environment = {
  TULLE_POD_ROOT: '/pod',
  POD_NAME: 'orders-5d-x1',
  POD_NAMESPACE: 'shop',
  SERVICE_ACCOUNT: 'orders',
  INSTANCE_IP: '10.1.0.7',
  NODE_NAME: 'node-1',
  TRUST_DOMAIN: 'mesh.example',
  PROXY_CONFIG:
    '{"discoveryAddress":"cp.tulle-system.svc:15012","concurrency":3,"terminationDrainDuration":"7s","proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"true","TULLE_COMPAT":"istio"}}',
  ISTIO_META_POD_PORTS: '[{"name":"http","containerPort":8080,"protocol":"TCP"},{"containerPort":53,"protocol":"UDP"}]',
  ISTIO_META_WORKLOAD_NAME: 'orders',
  ISTIO_META_CLUSTER_ID: 'Kubernetes',
  ISTIO_META_INTERCEPTION_MODE: 'TPROXY',
  ISTIO_METAJSON_STS: '{"STS": {"port": 1}}',
};
const files: Readonly<Record<string, string>> = {
  '/pod/etc/istio/pod/labels': 'app="orders"\nistio-locality="r1.z1.s1"\npod-template-hash="5d"\n',
  '/pod/etc/istio/pod/annotations': 'note="a \\"b\\""\nkubectl.kubernetes.io/last-applied-configuration="{}"\n',
};
const parse = (
  args: readonly string[] = [],
  more: Readonly<Record<string, string | undefined>> = {},
  text: Readonly<Record<string, string>> = files,
) => parseSettings(['--pod', ...args], { ...environment, ...more }, (path) => text[path] ?? null);
const taken = (...given: Parameters<typeof parse>) => {
  const settings = parse(...given);
  assert.ok(settings.ok && settings.value !== 'help' && settings.value.kind === 'meshed', JSON.stringify(settings));
  return settings.value;
};
const refused = (...given: Parameters<typeof parse>) => {
  const settings = parse(...given);
  return settings.ok ? ['taken'] : settings.problems.map(({ path, message }) => `${path}: ${message}`);
};

test('a pod says who its sidecar is, where its files are, and on which ports it shows itself', () => {
  const { metadata, app, controlPlane, caFile, token, dataDir, ...settings } = taken();
  assert.deepEqual(
    { controlPlane, caFile, token, dataDir },
    {
      controlPlane: 'cp.tulle-system.svc:15012',
      caFile: '/pod/var/run/secrets/istio/root-cert.pem',
      token: { kind: 'file', path: '/pod/var/run/secrets/tokens/istio-token' },
      dataDir: '/pod/var/lib/istio/data',
    },
  );
  const { name, namespace, serviceAccount, ip, labels, locality, trustDomain, interception } = settings;
  assert.deepEqual(
    { name, namespace, serviceAccount, ip, labels, locality, trustDomain, interception },
    {
      name: 'orders-5d-x1',
      namespace: 'shop',
      serviceAccount: 'orders',
      ip: '10.1.0.7',
      labels: { app: 'orders', 'istio-locality': 'r1.z1.s1' },
      locality: { region: 'r1', zone: 'z1', sub_zone: 's1' },
      trustDomain: 'mesh.example',
      interception: 'TPROXY',
    },
  );
  const { status, readiness, metrics, concurrency, drainMs, terminationMs } = settings;
  assert.deepEqual(
    { status, readiness, metrics, concurrency, drainMs, terminationMs },
    {
      status: { host: '0.0.0.0', port: 15_020 },
      readiness: { host: '0.0.0.0', port: 15_021 },
      metrics: { host: '0.0.0.0', port: 15_090 },
      concurrency: 3,
      drainMs: 7000,
      terminationMs: 30_000,
    },
  );
  assert.deepEqual(app?.ports, [8080]);
  assert.deepEqual(metadata, {
    NODE_NAME: 'node-1',
    DNS_CAPTURE: 'true',
    POD_PORTS: environment.ISTIO_META_POD_PORTS,
    WORKLOAD_NAME: 'orders',
    CLUSTER_ID: 'Kubernetes',
    INTERCEPTION_MODE: 'TPROXY',
    STS: { port: 1 },
    ANNOTATIONS: { note: 'a "b"' },
    PROXY_CONFIG: JSON.parse(environment.PROXY_CONFIG) as unknown,
  });
});

test('flags win over what the pod says', () => {
  const settings = taken(
    `--control-plane h:1 --interception REDIRECT --drain-seconds 2 --concurrency 1 --status 127.0.0.1:0 --metrics 127.0.0.1:1 --data-dir /data --name n`.split(
      ' ',
    ),
  );
  const { controlPlane, interception, drainMs, concurrency, status, metrics, dataDir, name } = settings;
  assert.deepEqual(
    { controlPlane, interception, drainMs, concurrency, status, metrics, dataDir, name },
    {
      controlPlane: 'h:1',
      interception: 'REDIRECT',
      drainMs: 2000,
      concurrency: 1,
      status: { host: '127.0.0.1', port: 0 },
      metrics: { host: '127.0.0.1', port: 1 },
      dataDir: '/data',
      name: 'n',
    },
  );
});

test('the environment wins over proxyMetadata, and labels of the environment give way to those of the pod', () => {
  const { metadata, labels } = taken([], {
    ISTIO_META_DNS_CAPTURE: 'false',
    ISTIO_METAJSON_LABELS: '{"app":"other","team":"a"}',
  });
  assert.equal(metadata['DNS_CAPTURE'], 'false');
  assert.equal('app' in metadata, false);
  assert.deepEqual(labels, { app: 'orders', team: 'a', 'istio-locality': 'r1.z1.s1' });
});

test('a pod of two families has both addresses, and is asked on both', () => {
  const { ip, ips, readiness } = taken([], { INSTANCE_IPS: '10.1.0.7,fd00::7' });
  assert.deepEqual(
    { ip, ips, readiness },
    { ip: '10.1.0.7', ips: ['10.1.0.7', 'fd00::7'], readiness: { host: '::', port: 15_021 } },
  );
});

test('it ends with the application where that is said, by a flag or by the environment', () => {
  const said = [taken(), taken(['--end-with-application']), taken([], { TULLE_END_WITH_APPLICATION: 'true' })];
  assert.deepEqual(
    said.map(({ endsWithApp }) => endsWithApp),
    [false, true, true],
  );
});

test('files that are not there say nothing', () => {
  const { labels, metadata } = taken([], {}, {});
  assert.deepEqual(labels, {});
  assert.equal('ANNOTATIONS' in metadata, false);
});

test('what is missing is told by name, all at once', () => {
  const nothing = { POD_NAME: '', POD_NAMESPACE: undefined, SERVICE_ACCOUNT: undefined, INSTANCE_IP: undefined };
  assert.deepEqual(refused([], { ...nothing, PROXY_CONFIG: undefined }), [
    'POD_NAME: is needed with --pod',
    'POD_NAMESPACE: is needed with --pod',
    'SERVICE_ACCOUNT: is needed with --pod',
    'INSTANCE_IP: is needed with --pod',
    '--control-plane: is needed (or --config-path)',
  ]);
});

const wrong: readonly (readonly [more: Readonly<Record<string, string>>, problem: RegExp])[] = [
  [{ PROXY_CONFIG: '[]', ISTIO_META_X: 'y' }, /^PROXY_CONFIG: is not a JSON object$/],
  [{ PROXY_CONFIG: '{' }, /^PROXY_CONFIG: is not JSON: /],
  [
    { PROXY_CONFIG: '{"discoveryAddress":"h:1","concurrency":-1}' },
    /^PROXY_CONFIG\.concurrency: -1 is not a number of threads$/,
  ],
  [
    { PROXY_CONFIG: '{"discoveryAddress":"h:1","terminationDrainDuration":"soon"}' },
    /^PROXY_CONFIG\.terminationDrainDuration: "soon" is not a duration$/,
  ],
  [{ ISTIO_METAJSON_A: '7' }, /^ISTIO_METAJSON_A: is not a JSON object$/],
  [{ ISTIO_METAJSON_LABELS: '{"a":{}}' }, /^ISTIO_METAJSON_LABELS: a: not text$/],
  [{ ISTIO_META_POD_PORTS: '{}' }, /^ISTIO_META_POD_PORTS: is not a list$/],
  [{ ISTIO_META_INTERCEPTION_MODE: 'CNI' }, /^--interception: CNI is not one of REDIRECT, TPROXY, NONE$/],
  [{ ISTIO_PROMETHEUS_ANNOTATIONS: '{"port":"15020"}' }, /\.port: 15020 is the sidecar's own status port/],
  [{ ISTIO_PROMETHEUS_ANNOTATIONS: '{"port":"http"}' }, /^ISTIO_PROMETHEUS_ANNOTATIONS\.port: http is not a port$/],
  [
    { ISTIO_KUBE_APP_PROBERS: '{"/healthz":{"tcpSocket":{"port":1}}}' },
    /\[\/healthz\]: is not a path of the status port$/,
  ],
  [{ ISTIO_KUBE_APP_PROBERS: '{"/app-health/a/livez":{}}' }, /livez\]: is to have one of httpGet, tcpSocket, grpc$/],
  [
    { ISTIO_KUBE_APP_PROBERS: '{"/app-health/a/livez":{"httpGet":{"port":"http"}}}' },
    /livez\]\.port: is not the number of a port$/,
  ],
];
for (const [more, expected] of wrong)
  test(`${JSON.stringify(more)} is refused by name`, () => {
    const problems = refused([], more);
    assert.match(problems[0] ?? '', expected);
  });

test('labels that are not as the kubelet writes them are refused with their file', () => {
  assert.deepEqual(refused([], {}, { '/pod/etc/istio/pod/labels': 'a=b' }), [
    '/pod/etc/istio/pod/labels: the value of a is not quoted as Go does',
  ]);
});

test('a pod has no bootstrap file', () => {
  assert.deepEqual(refused(['--config-path', 'f']), [
    '--pod: gets its configuration from a control plane, not from --config-path',
  ]);
});

test('probers are read with the defaults of the kubelet', () => {
  const probers = {
    '/app-health/app/readyz': {
      httpGet: { path: 'ready?full', port: 8080, scheme: 'HTTPS', httpHeaders: [{ name: 'X-A', value: 'b' }] },
      timeoutSeconds: 3,
    },
    '/app-health/app/livez': { tcpSocket: { port: 5432 } },
    '/app-health/app/startupz': { grpc: { port: 9000, service: 'shop' }, timeoutSeconds: 0 },
    '/app-lifecycle/app/prestopz': { httpGet: { port: 8080 } },
  };
  const { app } = taken([], {
    ISTIO_KUBE_APP_PROBERS: JSON.stringify(probers),
    ISTIO_PROMETHEUS_ANNOTATIONS: '{"scrape":"true","path":"","port":""}',
  });
  assert.deepEqual(Object.fromEntries(app?.probers ?? []), {
    '/app-health/app/readyz': {
      kind: 'http',
      port: 8080,
      path: '/ready?full',
      isTls: true,
      headers: [['X-A', 'b']],
      timeoutMs: 3000,
    },
    '/app-health/app/livez': { kind: 'tcp', port: 5432, timeoutMs: 1000 },
    '/app-health/app/startupz': { kind: 'grpc', port: 9000, service: 'shop', timeoutMs: 1000 },
    '/app-lifecycle/app/prestopz': { kind: 'http', port: 8080, path: '/', isTls: false, headers: [], timeoutMs: 1000 },
  });
  assert.deepEqual(app?.scrape, { port: 80, path: '/metrics' });
  assert.equal(taken([], { ISTIO_PROMETHEUS_ANNOTATIONS: '{"scrape":"false"}' }).app?.scrape, null);
});
