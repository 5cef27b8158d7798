import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResource } from '../parse.ts';

type Case = readonly [block: unknown, path: string, message: RegExp];

const istio = 'networking.istio.io/v1';

function errorsOf(kind: string, spec: unknown, apiVersion: string) {
  const result = parseResource({ apiVersion, kind, metadata: { name: 'x', namespace: 'shop' }, spec });
  return result.ok ? [] : result.problems.filter(({ severity }) => severity === 'error');
}

function refuses(kind: string, base: object, cases: readonly Case[], apiVersion = istio): void {
  assert.deepEqual(errorsOf(kind, base, apiVersion), []);
  for (const [block, path, message] of cases) {
    const errors = errorsOf(kind, { ...base, ...(block as object) }, apiVersion);
    const found = errors.some((error) => error.path === path && message.test(error.message));
    assert.ok(found, `${JSON.stringify(block)}: ${path} ${message.source} is not in ${JSON.stringify(errors)}`);
  }
}

const policyCases = (at: string): readonly Case[] => [
  [{}, at, /at least one field/],
  [{ connectionPool: {} }, `${at}.connectionPool`, /at least one field/],
  [{ connectionPool: { http: { maxRetries: -1 } } }, `${at}.connectionPool.http.maxRetries`, /negative/],
  [{ connectionPool: { tcp: { connectTimeout: '0s' } } }, `${at}.connectionPool.tcp.connectTimeout`, /1ms/],
  [{ connectionPool: { tcp: { tcpKeepalive: { time: '0s' } } } }, `${at}.connectionPool.tcp.tcpKeepalive.time`, /1ms/],
  [
    { connectionPool: { http: { h2UpgradePolicy: 'UPGRADE', useClientProtocol: true } } },
    `${at}.connectionPool.http.useClientProtocol`,
    /UPGRADE/,
  ],
  [{ outlierDetection: { maxEjectionPercent: 101 } }, `${at}.outlierDetection.maxEjectionPercent`, /100/],
  [{ outlierDetection: { interval: '0s' } }, `${at}.outlierDetection.interval`, /1ms/],
  [
    { outlierDetection: { consecutiveLocalOriginFailures: 1 } },
    `${at}.outlierDetection.consecutiveLocalOriginFailures`,
    /split/i,
  ],
  [{ tls: { mode: 'MUTUAL', privateKey: 'k' } }, `${at}.tls.clientCertificate`, /required/],
  [{ tls: { mode: 'SIMPLE', credentialName: 'a', caCertificates: 'b' } }, `${at}.tls.caCertificates`, /credentialName/],
  [{ tls: { mode: 'SIMPLE', insecureSkipVerify: true, caCertificates: 'b' } }, `${at}.tls.caCertificates`, /insecure/],
  [{ tls: { mode: 'SOME' } }, `${at}.tls.mode`, /not one of/],
  [
    { loadBalancer: { consistentHash: { maglev: { tableSize: 6 }, httpHeaderName: 'x' } } },
    `${at}.loadBalancer.consistentHash.maglev.tableSize`,
    /prime/,
  ],
  [
    { loadBalancer: { consistentHash: { httpCookie: { name: '', ttl: '0s' } } } },
    `${at}.loadBalancer.consistentHash.httpCookie.name`,
    /name/,
  ],
  [{ loadBalancer: { simple: 'RANDOM', consistentHash: { useSourceIp: true } } }, `${at}.loadBalancer`, /exclude/],
  [
    { loadBalancer: { localityLbSetting: { distribute: [{ from: 'a/*', to: { 'a/b': 60, 'a/c': 30 } }] } } },
    `${at}.loadBalancer.localityLbSetting.distribute[0].to`,
    /90 != 100/,
  ],
  [
    { loadBalancer: { localityLbSetting: { failover: [{ from: 'a', to: 'a' }] } } },
    `${at}.loadBalancer.localityLbSetting.failover[0]`,
    /different/,
  ],
];

test('DestinationRule: the policy, of the rule, of a subset and of a port', () => {
  const wrap = (policy: unknown) => ({ trafficPolicy: policy });
  refuses(
    'DestinationRule',
    { host: 'reviews' },
    policyCases('spec.trafficPolicy').map(([policy, ...rest]) => [wrap(policy), ...rest] as const),
  );
  refuses(
    'DestinationRule',
    { host: 'reviews' },
    policyCases('spec.subsets[0].trafficPolicy').map(
      ([policy, ...rest]) => [{ subsets: [{ name: 'v1', trafficPolicy: policy }] }, ...rest] as const,
    ),
  );
  refuses('DestinationRule', { host: 'reviews' }, [
    [
      wrap({ portLevelSettings: [{ port: { number: 80 } }] }),
      'spec.trafficPolicy.portLevelSettings[0]',
      /at least one/,
    ],
    [
      wrap({ portLevelSettings: [{ tls: { mode: 'SIMPLE' } }] }),
      'spec.trafficPolicy.portLevelSettings[0].port',
      /valid port/,
    ],
    [wrap({ tunnel: { targetHost: 'a b', targetPort: 1 } }), 'spec.trafficPolicy.tunnel.targetHost', /FQDN/],
  ]);
});

test('DestinationRule: host, subsets, exportTo, selector', () => {
  refuses('DestinationRule', { host: 'reviews', trafficPolicy: { retryBudget: { percent: 20 } } }, [
    [{ host: '' }, 'spec.host', /empty/],
    [{ subsets: [{ name: 'a' }, { name: 'a' }] }, 'spec.subsets[1].name', /duplicate/],
    [{ subsets: [{ name: 'a_b' }] }, 'spec.subsets[0].name', /DNS label/],
    [{ subsets: [{ name: 'a', labels: { a: 'b c' } }] }, 'spec.subsets[0].labels.a', /label value/],
    [{ workloadSelector: { matchLabels: { a: 'b' } }, exportTo: ['*'] }, 'spec.exportTo', /beyond current namespace/],
    [{ workloadSelector: { matchLabels: { a: '*' } } }, 'spec.workloadSelector.matchLabels.a', /wildcard/],
  ]);
});

test('ServiceEntry', () => {
  const port = { name: 'http', number: 80, protocol: 'HTTP' };
  refuses('ServiceEntry', { hosts: ['example.com'], ports: [port], resolution: 'DNS' }, [
    [{ hosts: [] }, 'spec.hosts', /empty/],
    [{ hosts: ['*'] }, 'spec.hosts[0]', /wildcard/],
    [{ hosts: ['*.a.com'] }, 'spec.hosts[0]', /must be FQDN/],
    [{ ports: [port, { ...port, number: 81 }] }, 'spec.ports[1].name', /duplicated/],
    [{ ports: [{ ...port, name: 'a b' }] }, 'spec.ports[0].name', /port name/],
    [{ ports: [{ ...port, protocol: 'SMTP' }] }, 'spec.ports[0].protocol', /unsupported/],
    [{ ports: [{ ...port, number: 0 }] }, 'spec.ports[0].number', /1-65535/],
    [{ addresses: ['10.0.0.0/99'], resolution: 'NONE' }, 'spec.addresses[0]', /CIDR/],
    [{ resolution: 'NONE', endpoints: [{ address: '1.1.1.1' }] }, 'spec.endpoints', /NONE mode/],
    [{ resolution: 'STATIC', endpoints: [{ address: 'a.com' }] }, 'spec.endpoints[0].address', /IP address/],
    [{ endpoints: [{ address: 'a b' }] }, 'spec.endpoints[0].address', /FQDN or an IP/],
    [{ endpoints: [{ address: 'unix:///a' }] }, 'spec.endpoints[0].address', /FQDN or an IP/],
    [{ endpoints: [{ address: 'a.com', ports: { tcp: 1 } }] }, 'spec.endpoints[0].ports.tcp', /not defined/],
    [{ resolution: 'STATIC', endpoints: [{ address: 'unix:///a/', ports: {} }] }, 'spec.endpoints[0].address', /dir/],
    [{ hosts: ['a.com', 'b.com'], ports: [{ ...port, protocol: 'TCP' }] }, 'spec.ports[0]', /multiple hosts/],
    [{ exportTo: ['~', 'a'] }, 'spec.exportTo', /no one/],
    [{ resolution: 'MAGIC' }, 'spec.resolution', /not one of/],
  ]);
});

test('WorkloadEntry and WorkloadGroup', () => {
  refuses('WorkloadEntry', { address: '10.0.0.1' }, [
    [{ address: 'unix://@abstract', ports: { a: 1 } }, 'spec.ports', /UDS/],
    [{ address: 'a b' }, 'spec.address', /FQDN or an IP/],
    [{ ports: { 'a b': 1 } }, 'spec.ports["a b"]', /port name/],
    [{ labels: { 'a/b/c': 'd' } }, 'spec.labels["a/b/c"]', /label key/],
  ]);
  refuses('WorkloadGroup', { template: {} }, [
    [{ template: null }, 'spec.template', /is null|is required/],
    [{ probe: {} }, 'spec.probe', /method is required/],
    [{ probe: { httpGet: { port: 0 } } }, 'spec.probe.httpGet.port', /1-65535|small/],
    [{ probe: { exec: { command: [] } } }, 'spec.probe.exec.command', /required|empty/],
    [{ probe: { httpGet: { port: 1 }, tcpSocket: { port: 1 } } }, 'spec.probe', /exclude/],
    [{ metadata: { labels: { a: '-' } } }, 'spec.metadata.labels.a', /label value/],
  ]);
});

test('Sidecar', () => {
  const port = { number: 80, protocol: 'HTTP', name: 'http' };
  const ingress = (listener: object) => ({ ingress: [{ port, ...listener }] });
  refuses('Sidecar', { egress: [{ hosts: ['./*', 'istio-system/*'] }] }, [
    [{ egress: [] }, 'spec', /empty configuration/],
    [{ egress: [{ hosts: [] }] }, 'spec.egress[0].hosts', /at least one/],
    [{ egress: [{ hosts: ['reviews'] }] }, 'spec.egress[0].hosts[0]', /namespace\/dnsName/],
    [{ egress: [{ hosts: ['a/reviews'] }] }, 'spec.egress[0].hosts[0]', /short names/],
    [{ egress: [{ hosts: ['a/*x.com'] }] }, 'spec.egress[0].hosts[0]', /partial wildcard/],
    [{ egress: [{ hosts: ['a b/*'] }] }, 'spec.egress[0].hosts[0]', /namespace/],
    [{ egress: [{ hosts: ['*/*'] }, { port, hosts: ['*/*'] }] }, 'spec.egress[0]', /last listener/],
    [
      {
        egress: [
          { port, hosts: ['*/*'] },
          { port, hosts: ['*/*'] },
        ],
      },
      'spec.egress[1].port.number',
      /unique/,
    ],
    [{ egress: [{ port: { ...port, number: 0 }, hosts: ['*/*'] }] }, 'spec.egress[0].bind', /unix domain socket/],
    [{ egress: [{ port, bind: 'x', hosts: ['*/*'] }] }, 'spec.egress[0].bind', /IP address/],
    [ingress({ defaultEndpoint: '1.2.3.4:80' }), 'spec.ingress[0].defaultEndpoint', /must be of form/],
    [ingress({ defaultEndpoint: '127.0.0.1:0' }), 'spec.ingress[0].defaultEndpoint', /1-65535/],
    [ingress({ port: { ...port, protocol: 'X' } }), 'spec.ingress[0].port.protocol', /unsupported/],
    [ingress({ tls: { mode: 'ISTIO_MUTUAL' } }), 'spec.ingress[0].tls.mode', /cannot set mode/],
    [ingress({ tls: { mode: 'SIMPLE' } }), 'spec.ingress[0].tls.serverCertificate', /requires/],
    [{ workloadSelector: { labels: { '*': 'a' } } }, 'spec.workloadSelector.labels["*"]', /wildcard/],
    [
      { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY', egressProxy: { host: 'a.com', port: { number: 1 } } } },
      'spec.outboundTrafficPolicy.egressProxy',
      /ALLOW_ANY/,
    ],
  ]);
});

test('PeerAuthentication', () => {
  const ports = { 80: { mode: 'STRICT' } };
  refuses(
    'PeerAuthentication',
    { selector: { matchLabels: { app: 'a' } }, portLevelMtls: ports },
    [
      [{ selector: undefined }, 'spec.portLevelMtls', /requires selector/],
      [{ portLevelMtls: { 0: {} } }, 'spec.portLevelMtls.0', /1-65535/],
      [{ mtls: { mode: 'LAX' } }, 'spec.mtls.mode', /not one of/],
      [{ selector: { matchLabels: { app: 'a*' } } }, 'spec.selector.matchLabels.app', /wildcard/],
      [{ selector: { matchLabels: { '': 'a' } } }, 'spec.selector.matchLabels[""]', /empty/],
    ],
    'security.istio.io/v1',
  );
});

test('Service', () => {
  const http = { name: 'http', port: 80, targetPort: 'web' };
  refuses(
    'Service',
    { selector: { app: 'a' }, ports: [http] },
    [
      [{ ports: [] }, 'spec.ports', /at least one port/],
      [{ ports: [http, { port: 81 }] }, 'spec.ports[1].name', /required/],
      [{ ports: [http, { ...http, name: 'b' }] }, 'spec.ports[1].port', /duplicated/],
      [{ ports: [{ ...http, port: 0 }] }, 'spec.ports[0].port', /1-65535/],
      [{ ports: [{ ...http, protocol: 'HTTP' }] }, 'spec.ports[0].protocol', /TCP/],
      [{ ports: [{ ...http, targetPort: 'A B' }] }, 'spec.ports[0].targetPort', /container port/],
      [{ ports: [{ ...http, portt: 1 }] }, 'spec.ports[0].portt', /perhaps port is meant/],
      [{ type: 'Cluster' }, 'spec.type', /not one of/],
      [{ type: 'ExternalName', externalName: 'a b' }, 'spec.externalName', /domain name/],
      [{ selector: { app: 1 } }, 'spec.selector.app', /string/],
    ],
    'v1',
  );
});

test('TrafficSplit: quantities become whole weights, in the oldest version only', () => {
  const backends = (...weights: readonly unknown[]) => weights.map((weight, at) => ({ service: `v${at}`, weight }));
  const parse = (version: string, weights: readonly unknown[]) =>
    parseResource({
      apiVersion: `split.smi-spec.io/${version}`,
      kind: 'TrafficSplit',
      metadata: { name: 'x' },
      spec: { service: 'reviews', backends: backends(...weights) },
    });
  const old = parse('v1alpha1', ['500m', '1']);
  assert.ok(old.ok);
  assert.deepEqual(old.value.spec, { service: 'reviews', backends: backends(500, 1000) });
  assert.ok(parse('v1alpha4', [90, 10]).ok);
  assert.ok(!parse('v1alpha4', ['500m']).ok && !parse('v1alpha2', [0, 0]).ok && !parse('v1alpha2', [1.5]).ok);
  assert.ok(!parse('v1alpha4', []).ok);
});
