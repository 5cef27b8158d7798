/** Proxies without interception: many on one machine, explicit ports. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { aMesh, aNode, resourcesOf } from './test-support.ts';
import { indexMesh, type ProxyNode, translate } from './translate.ts';

const mesh = `
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080, protocol: TCP}]}
---
kind: Service
metadata: {name: orders}
spec: {selector: {app: orders}, ports: [{name: http, port: 8081, targetPort: http, protocol: TCP}]}
---
kind: WorkloadEntry
metadata: {name: web-1}
spec: {address: 127.0.0.1, ports: {"8080": 21080}, labels: {app: web}}
---
kind: WorkloadEntry
metadata: {name: orders-1}
spec: {address: 127.0.0.1, ports: {http: 22081}, labels: {app: orders}}
`;

function aLaptopNode(name: string, metadata: Record<string, unknown>): ProxyNode {
  const labels = { app: name.split('-')[0] ?? '' };
  return aNode({ name, labels, metadata, ip: '127.0.0.1', compat: 'tulle', interception: 'NONE' });
}

function sent(node: ProxyNode, more = '', settings: Parameters<typeof aMesh>[1] = {}) {
  const translated = translate(indexMesh(aMesh(resourcesOf(`${mesh}${more}`), settings)), node);
  return {
    names: (typeUrl: string): readonly string[] => [...(translated.get(typeUrl)?.keys() ?? [])],
    find: (typeUrl: string, name: string) => translated.get(typeUrl)?.get(name),
  };
}

type Chains = readonly Readonly<{ filters: readonly Readonly<{ name: string }>[] }>[];
type Hosts = readonly Readonly<{ name: string; domains: readonly string[] }>[];

suite('a proxy without interception', () => {
  const web = aLaptopNode('web-1', { TULLE_INBOUND: { 8080: 21080 } });
  const orders = aLaptopNode('orders-1', { TULLE_INBOUND: { 3000: 22081 }, TULLE_HTTP_PROXY_PORT: 20002 });

  test('listens for its own ports alone, though others of the machine have the same address', () => {
    assert.deepEqual(sent(web).names(typeUrls.listener), ['http_proxy', '0.0.0.0_21080']);
    assert.deepEqual(sent(orders).names(typeUrls.listener), ['http_proxy', '0.0.0.0_22081']);
  });

  test('hands requests to the port of the application that the node maps', () => {
    const endpoint = { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 3000 } } } };
    const cluster = sent(orders).find(typeUrls.cluster, 'inbound|3000||');
    assert.equal(cluster?.['type'], 'STATIC');
    assert.deepEqual(cluster?.['load_assignment'], {
      cluster_name: 'inbound|3000||',
      endpoints: [{ lb_endpoints: [endpoint] }],
    });
  });

  test('knows the port of a service by the name under which the node maps it', () => {
    const joined = aLaptopNode('orders-2', { TULLE_INBOUND: { 3000: 23081, http: 23081 } });
    const chains = sent(joined).find(typeUrls.listener, '0.0.0.0_23081')?.['filter_chains'] as unknown as Chains;
    const takesTcp = chains.some(({ filters }) => filters.some(({ name }) => name.endsWith('.tcp_proxy')));
    assert.equal(takesTcp, false, 'a port named http takes nothing else over mutual TLS');
  });

  test('takes requests as an explicit proxy on the port that the node names, or on 15001', () => {
    const address = (node: ProxyNode) => sent(node).find(typeUrls.listener, 'http_proxy')?.['address'];
    assert.deepEqual(address(orders), { socket_address: { address: '127.0.0.1', port_value: 20002 } });
    assert.deepEqual(address(web), { socket_address: { address: '127.0.0.1', port_value: 15001 } });
  });

  test('routes all ports of all services by Host, with the port unless it is 80', () => {
    const hosts = sent(web).find(typeUrls.routes, 'http_proxy')?.['virtual_hosts'] as unknown as Hosts;
    const short = hosts.map(({ name, domains }) => [name, domains.filter((d) => !d.includes('.'))]);
    assert.deepEqual(short, [
      ['web.default.svc.cluster.local:80', ['web', 'web:80']],
      ['orders.default.svc.cluster.local:8081', ['orders:8081']],
      ['allow_any', ['*']],
    ]);
  });

  test('answers 502 to unknown hosts when only the registry is allowed', () => {
    const configuration = sent(web, '', { outboundTrafficPolicy: 'REGISTRY_ONLY' }).find(typeUrls.routes, 'http_proxy');
    const hosts = configuration?.['virtual_hosts'] as unknown as Hosts;
    assert.equal(hosts.at(-1)?.name, 'block_all');
  });

  test('a local port of a Sidecar leads to its one service, whatever the Host', () => {
    const sidecar = `---\nkind: Sidecar\nmetadata: {name: s}\nspec:\n  egress:\n  - {port: {number: 9999, protocol: HTTP, name: http}, bind: 127.0.0.1, hosts: ["./orders.default.svc.cluster.local"]}\n  - {hosts: ["./*"]}\n`;
    const own = sent(web, sidecar);
    assert.ok(own.names(typeUrls.listener).includes('127.0.0.1_9999'));
    const hosts = own.find(typeUrls.routes, '127.0.0.1_9999')?.['virtual_hosts'] as unknown as Hosts;
    assert.deepEqual(
      hosts.map(({ name, domains }) => [name, domains]),
      [['orders.default.svc.cluster.local:8081', ['*']]],
    );
  });
});
