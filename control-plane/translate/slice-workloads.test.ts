/** Endpoints of Kubernetes Services: from slices, pods and nodes to what a proxy gets. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { parseResource } from '#shared/model/parse.ts';
import type { Resource } from '#shared/model/resource.ts';
import { decodeMessage, encodeMessage } from '#shared/xds/codec.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import { aMesh, aNode } from './test-support.ts';
import { indexMesh, translate, type MeshIndex, type ProxyNode } from './translate.ts';

/** Resources of a text, by the parser that the sources have. */
function parsed(text: string): readonly Resource[] {
  return parseAllDocuments(text).map((document) => {
    const result = parseResource(document.toJS());
    assert.ok(result.ok, JSON.stringify(result));
    return result.value;
  });
}

const service = (more = '') =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: 10.96.0.10, selector: {app: web}, ports: [{name: http, port: 80, targetPort: web}]${more}}\n`;
const slice = (name: string, endpoints: readonly string[], ports = '{name: http, port: 8080}', type = 'IPv4') =>
  `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: ${name}, labels: {kubernetes.io/service-name: web}}\naddressType: ${type}\nports: [${ports}]\nendpoints:\n${endpoints.map((endpoint) => `- ${endpoint}\n`).join('')}`;
const endpoint = (address: string, pod = '', conditions = 'ready: true') =>
  `{addresses: ["${address}"], conditions: {${conditions}}${pod === '' ? '' : `, targetRef: {kind: Pod, name: ${pod}}`}}`;
const pod = (name: string, ip: string, { labels = '', node = 'n1' } = {}) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, generateName: web-5f-, labels: {app: web, pod-template-hash: 5f${labels}}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5f, controller: true}]}\nspec: {nodeName: ${node}, serviceAccountName: web, containers: [{name: app, ports: [{name: web, containerPort: 8080}]}]}\nstatus: {phase: Running, podIP: "${ip}", conditions: [{type: Ready, status: "True"}]}\n`;
const node = (name: string, zone: string) =>
  `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}, labels: {topology.kubernetes.io/region: r1, topology.kubernetes.io/zone: ${zone}}}\n`;

const indexOf = (...documents: readonly string[]): MeshIndex => indexMesh(aMesh(parsed(documents.join('---\n'))));

type Endpoint = {
  address: string;
  port: number;
  locality: string;
  priority: number;
  isMutual: boolean;
  workload: string;
};

const objects = (value: unknown) => (value ?? []) as readonly TypedObject[];
function endpointsOf(index: MeshIndex, proxy: ProxyNode, name = 'outbound|80||web.default.svc.cluster.local') {
  const assignment = translate(index, proxy).get(typeUrls.endpoints)?.get(name);
  assert.ok(assignment !== undefined, name);
  const wire = decodeMessage(assignment['@type'], encodeMessage(assignment));
  return objects(wire['endpoints']).flatMap((group) => {
    const { region = '', zone = '', sub_zone = '' } = (group['locality'] ?? {}) as Record<string, string>;
    return objects(group['lb_endpoints']).map((found): Endpoint => {
      const { address, port_value } = (
        found as unknown as { endpoint: { address: { socket_address: { address: string; port_value: number } } } }
      ).endpoint.address.socket_address;
      const { filter_metadata } = found['metadata'] as unknown as {
        filter_metadata: { istio: { workload: string }; 'envoy.transport_socket_match'?: object };
      };
      return {
        address,
        port: port_value,
        locality: [region, zone, sub_zone].join('/'),
        priority: Number(group['priority'] ?? 0),
        isMutual: filter_metadata['envoy.transport_socket_match'] !== undefined,
        workload: filter_metadata.istio.workload,
      };
    });
  });
}
const addresses = (index: MeshIndex, proxy = aNode()) =>
  endpointsOf(index, proxy).map(({ address, port }) => `${address}:${port}`);

suite('endpoints', () => {
  test('a pod says who an endpoint is, its node where', () => {
    const index = indexOf(
      service(),
      slice('web-1', [endpoint('10.0.0.1', 'web-5f-a'), endpoint('10.0.0.2', 'web-5f-b')]),
      pod('web-5f-a', '10.0.0.1', { labels: ', security.istio.io/tlsMode: istio, version: v2' }),
      pod('web-5f-b', '10.0.0.2', { node: 'unknown' }),
      node('n1', 'z1'),
    );
    assert.deepEqual(endpointsOf(index, aNode()), [
      {
        address: '10.0.0.1',
        port: 8080,
        locality: 'r1/z1/',
        priority: 0,
        isMutual: true,
        workload: 'web;default;web;v2;Kubernetes',
      },
      {
        address: '10.0.0.2',
        port: 8080,
        locality: '//',
        priority: 0,
        isMutual: false,
        workload: 'web;default;web;latest;Kubernetes',
      },
    ]);
    const cluster = translate(index, aNode()).get(typeUrls.cluster)?.get('outbound|80||web.default.svc.cluster.local');
    assert.match(JSON.stringify(cluster), /spiffe:\/\/cluster\.local\/ns\/default\/sa\/web"/);
  });

  test('who is not ready gets no traffic, and is still who he is', () => {
    const documents = (more: string) => [
      service(more),
      slice('web-1', [
        endpoint('10.0.0.1', 'web-5f-a', 'ready: false'),
        endpoint('10.0.0.2', 'web-5f-b', 'ready: false, serving: true, terminating: true'),
        endpoint('10.0.0.3', 'web-5f-c', ''),
      ]),
      ...['a', 'b', 'c'].map((name, i) => pod(`web-5f-${name}`, `10.0.0.${i + 1}`)),
    ];
    assert.deepEqual(addresses(indexOf(...documents(''))), ['10.0.0.3:8080']);
    const all = ['10.0.0.1:8080', '10.0.0.2:8080', '10.0.0.3:8080'];
    assert.deepEqual(addresses(indexOf(...documents(', publishNotReadyAddresses: true'))), all);
    const none = indexOf(service(), slice('web-1', [endpoint('10.0.0.1', 'a', 'ready: false')]), pod('a', '10.0.0.1'));
    assert.deepEqual(addresses(none), []);
    assert.match(JSON.stringify([...(translate(none, aNode()).get(typeUrls.cluster)?.values() ?? [])]), /sa\/web"/);
  });

  test('an endpoint whose pod is not there is left out: nobody knows who it is', () => {
    const lost = slice('web-1', [endpoint('10.0.0.1', 'web-5f-a')]);
    assert.deepEqual(addresses(indexOf(service(), lost)), []);
    assert.deepEqual(addresses(indexOf(service(), lost, pod('web-5f-a', '10.0.0.1'))), ['10.0.0.1:8080']);
  });

  test('several slices make one whole: parts of ports, duplicates, an endpoint that moves', () => {
    const index = indexOf(
      service().replace('ports: [', 'ports: [{name: admin, port: 81, targetPort: 9000}, '),
      slice('web-1', [endpoint('10.0.0.1', 'a'), endpoint('10.0.0.2', 'b', 'ready: false')]),
      slice(
        'web-2',
        [endpoint('10.0.0.1', 'a'), endpoint('10.0.0.2', 'b')],
        '{name: admin, port: 9001}, {name: http, port: 8081}',
      ),
      pod('a', '10.0.0.1'),
      pod('b', '10.0.0.2'),
    );
    assert.deepEqual(addresses(index), ['10.0.0.1:8080', '10.0.0.2:8081']);
    const admin = endpointsOf(index, aNode(), 'outbound|81||web.default.svc.cluster.local');
    assert.deepEqual(
      admin.map(({ address, port }) => `${address}:${port}`),
      ['10.0.0.1:9001', '10.0.0.2:9001'],
    );
  });

  test('of a pod of two families the address of the service counts; FQDN slices do not', () => {
    const slices = [
      slice('web-4', [endpoint('10.0.0.1', 'a')]),
      slice('web-6', [endpoint('fd00::1', 'a')], '{name: http, port: 8080}', 'IPv6'),
      slice('web-f', [endpoint('a.example.com')], '{name: http, port: 8080}', 'FQDN'),
      pod('a', '10.0.0.1'),
    ];
    assert.deepEqual(addresses(indexOf(service(), ...slices)), ['10.0.0.1:8080']);
    const ipv6 = service().replace('10.96.0.10', '"fd00:10::1"');
    assert.deepEqual(addresses(indexOf(ipv6, ...slices)), ['fd00::1:8080']);
  });

  test('slices that somebody wrote lead out of the cluster, or to pods by their addresses', () => {
    const written = service().replace('selector: {app: web}, ', '');
    const meshed = { labels: ', security.istio.io/tlsMode: istio' };
    const index = indexOf(
      written,
      slice('mine', [endpoint('192.0.2.1'), endpoint('10.0.0.1')]),
      pod('a', '10.0.0.1', meshed),
    );
    assert.deepEqual(
      endpointsOf(index, aNode()).map(({ address, isMutual }) => [address, isMutual]),
      [
        ['192.0.2.1', false],
        ['10.0.0.1', true],
      ],
    );
    const own = aNode({ name: 'a', labels: { app: 'other' }, ip: '10.0.0.1' });
    assert.ok(translate(index, own).get(typeUrls.cluster)?.has('inbound|8080||'), 'the pod serves it');
  });

  test('WorkloadEntries that a Service selects count beside its slices, pods never without one', () => {
    const entry =
      'apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: vm}\nspec: {address: 192.0.2.7, labels: {app: web}, ports: {http: 9090}}\n';
    const index = indexOf(service(), slice('web-1', [endpoint('10.0.0.1', 'a')]), pod('a', '10.0.0.1'), entry);
    assert.deepEqual(addresses(index), ['10.0.0.1:8080', '192.0.2.7:9090']);
    assert.deepEqual(addresses(indexOf(service(), pod('a', '10.0.0.1'), entry)), ['192.0.2.7:9090']);
  });

  test('a ServiceEntry selects pods that serve', () => {
    const entry =
      'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e}\nspec: {hosts: [e.example.com], location: MESH_INTERNAL, resolution: STATIC, ports: [{name: http, number: 80, protocol: HTTP, targetPort: 8080}], workloadSelector: {labels: {app: web}}}\n';
    const index = indexOf(entry, pod('a', '10.0.0.1'), pod('b', '10.0.0.2').replace('"True"', '"False"'));
    const found = endpointsOf(index, aNode(), 'outbound|80||e.example.com');
    assert.deepEqual(
      found.map(({ address, port }) => `${address}:${port}`),
      ['10.0.0.1:8080'],
    );
  });
});

suite('places', () => {
  const zones = [
    slice('web-1', [endpoint('10.0.0.1', 'a'), endpoint('10.0.0.2', 'b'), endpoint('10.0.0.3', 'c')]),
    pod('a', '10.0.0.1'),
    pod('b', '10.0.0.2', { node: 'n2' }),
    pod('c', '10.0.0.3', { node: 'n3' }),
    node('n1', 'z1'),
    node('n2', 'z1'),
    node('n3', 'z2'),
  ];
  const priorities = (
    distribution: string,
    proxy = aNode({ name: 'b', ip: '10.0.0.2' }),
    more: readonly string[] = [],
  ) =>
    endpointsOf(
      indexOf(service(distribution === '' ? '' : `, trafficDistribution: ${distribution}`), ...zones, ...more),
      proxy,
    )
      .toSorted((x, y) => (x.address < y.address ? -1 : 1))
      .map(({ priority }) => priority);

  test('a service prefers endpoints of the same zone, or node, when it says so', () => {
    assert.deepEqual(priorities(''), [0, 0, 0]);
    assert.deepEqual(priorities('PreferClose'), [0, 0, 1]);
    assert.deepEqual(priorities('PreferSameZone'), [0, 0, 1]);
    assert.deepEqual(priorities('PreferSameNode'), [1, 0, 2]);
    const elsewhere = aNode({ locality: { region: 'r9', zone: 'z9', subzone: '' } });
    assert.deepEqual(priorities('PreferSameZone', elsewhere), [0, 0, 0], 'nobody is near');
  });

  test('what a DestinationRule says of places goes before', () => {
    const rule =
      'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: r}\nspec: {host: web, trafficPolicy: {loadBalancer: {localityLbSetting: {enabled: false}}}}\n';
    assert.deepEqual(priorities('PreferSameZone', undefined, [rule]), [0, 0, 0]);
  });
});

suite('proxies of pods', () => {
  test('a pod serves the ports that services find in its containers', () => {
    const index = indexOf(service(), pod('web-5f-a', '10.0.0.1'));
    const own = aNode({ name: 'web-5f-a', labels: { app: 'web' }, ip: '10.0.0.1' });
    assert.ok(translate(index, own).get(typeUrls.cluster)?.has('inbound|8080||'));
  });

  test('a headless service has a TCP listener an address, and passes on with mutual TLS when all pods take it', () => {
    const headless = service()
      .replace('10.96.0.10', 'None')
      .replace('name: http', 'name: tcp')
      .replace('{app: web}', '{app: web}');
    const meshed = { labels: ', security.istio.io/tlsMode: istio' };
    const slices = slice('web-1', [endpoint('10.0.0.1', 'a'), endpoint('10.0.0.2', 'b')], '{name: tcp, port: 8080}');
    const listeners = (index: MeshIndex) => [...(translate(index, aNode()).get(typeUrls.listener)?.keys() ?? [])];
    const cluster = (index: MeshIndex) =>
      JSON.stringify(
        translate(index, aNode()).get(typeUrls.cluster)?.get('outbound|80||web.default.svc.cluster.local'),
      );
    const both = indexOf(headless, slices, pod('a', '10.0.0.1', meshed), pod('b', '10.0.0.2', meshed));
    assert.deepEqual(
      listeners(both).filter((name) => name.startsWith('10.0.0.')),
      ['10.0.0.1_80', '10.0.0.2_80'],
    );
    assert.match(cluster(both), /ORIGINAL_DST.*UpstreamTlsContext/);
    const one = indexOf(headless, slices, pod('a', '10.0.0.1', meshed), pod('b', '10.0.0.2'));
    assert.doesNotMatch(cluster(one), /UpstreamTlsContext/);
  });

  test('a pod of a stateful set is called by its own name', () => {
    const headless = service().replace('10.96.0.10', 'None');
    const index = indexOf(headless, slice('web-1', [endpoint('10.0.0.1', 'a')]), pod('a', '10.0.0.1'));
    const routes = JSON.stringify(translate(index, aNode()).get(typeUrls.routes)?.get('80'));
    assert.match(routes, /"\*\.web\.default\.svc\.cluster\.local"/);
    const named = pod('a', '10.0.0.1').replace('nodeName: n1', 'nodeName: n1, hostname: web-0, subdomain: web');
    const table = (own: string) => {
      const cluster = indexOf(headless, slice('web-1', [endpoint('10.0.0.1', 'a')]), own);
      const [names] =
        translate(cluster, aNode({ metadata: { DNS_CAPTURE: 'true' } }))
          .get(typeUrls.nameTable)
          ?.values() ?? [];
      return Object.keys(names?.['table'] ?? {});
    };
    assert.deepEqual(table(named), ['web.default.svc.cluster.local', 'web-0.web.default.svc.cluster.local']);
    assert.deepEqual(table(pod('a', '10.0.0.1')), ['web.default.svc.cluster.local']);
  });
});
