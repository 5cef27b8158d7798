import assert from 'node:assert/strict';
import { test } from 'node:test';
import { envoyConfig } from './envoy-config.ts';
import { haproxyConfig } from './haproxy-config.ts';
import { nginxConfig } from './nginx-config.ts';
import { plainShape, type PairScope, type Shape, type Wire } from './pair.ts';

const files = (name: string) => ({ certificate: `/c/${name}.crt`, key: `/c/${name}.key`, pem: `/c/${name}.pem` });
const aScope = (wire: Wire, shape: Partial<Shape> = {}): PairScope => ({
  folder: '/f',
  certificates: { ca: '/c/ca.crt', a: files('a'), b: files('b') },
  outPort: 1001,
  inPort: 1002,
  backendPort: 1003,
  adminPorts: { in: 1004, out: 1005 },
  wire,
  shape: { ...plainShape, ...shape },
});

/** Values of a key anywhere in a tree, in order. */
function valuesOf(tree: unknown, key: string): unknown[] {
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.entries(tree).flatMap(([name, value]) => [...(name === key ? [value] : []), ...valuesOf(value, key)]);
}
const upstream = (hop: 'in' | 'out', wire: Wire) =>
  valuesOf(envoyConfig(hop, aScope(wire)), 'explicit_http_config').map((config) => Object.keys(config as object)[0]);
const alpn = (hop: 'in' | 'out', wire: Wire) => valuesOf(envoyConfig(hop, aScope(wire)), 'alpn_protocols').flat();

test('Envoy speaks HTTP/2 between the hops when multiplexed, and on all of them with h2', () => {
  assert.deepEqual([upstream('out', 'http1'), upstream('in', 'http1')].flat(), [
    'http_protocol_options',
    'http_protocol_options',
  ]);
  assert.deepEqual([upstream('out', 'mux'), upstream('in', 'mux')].flat(), [
    'http2_protocol_options',
    'http_protocol_options',
  ]);
  assert.deepEqual([upstream('out', 'h2'), upstream('in', 'h2')].flat(), [
    'http2_protocol_options',
    'http2_protocol_options',
  ]);
  assert.deepEqual([alpn('out', 'http1'), alpn('in', 'mux'), alpn('out', 'h2')].flat(), ['http/1.1', 'h2', 'h2']);
});

test('Envoy forwards octets with RBAC on the called side', () => {
  assert.deepEqual(valuesOf(envoyConfig('in', aScope('tcp')), 'name').slice(0, 3), [
    'l',
    'envoy.filters.network.rbac',
    'envoy.filters.network.tcp_proxy',
  ]);
  assert.deepEqual(alpn('in', 'tcp'), []);
});

test('a thousand services are a thousand clusters and virtual hosts more', () => {
  const config = envoyConfig('out', aScope('http1', { services: 1000 }));
  assert.equal(valuesOf(config, 'clusters').flat().length, 1001);
  assert.equal(valuesOf(config, 'virtual_hosts').flat().length, 1001);
  const addresses = valuesOf(config, 'socket_address') as { address: string }[];
  for (const { address } of addresses) assert.match(address, /^127\.\d+\.\d+\.\d+$/);
});

test('eight endpoints are eight addresses of the called side', () => {
  const scope = aScope('mux', { endpoints: 8 });
  assert.equal(valuesOf(envoyConfig('out', scope), 'lb_endpoints').flat().length, 8);
  assert.match(haproxyConfig('out', scope), /server s7 127\.0\.0\.8:1002 ssl .* alpn h2/);
  assert.match(haproxyConfig('in', scope), /bind 0\.0\.0\.0:1002 ssl/);
  assert.match(nginxConfig('out', scope), /server 127\.0\.0\.8:1002;/);
});

test('nginx forwards HTTP/2 as gRPC, and HTTP/1.1 as a proxy', () => {
  const h2 = nginxConfig('out', aScope('h2'));
  assert.match(h2, /listen 127\.0\.0\.1:1001 http2 backlog/);
  assert.match(h2, /grpc_pass grpcs:\/\/up;/);
  assert.doesNotMatch(h2, /proxy_(pass|set|ssl|http)/);
  assert.match(nginxConfig('in', aScope('http1')), /location \/ \{ proxy_pass http:\/\/up; \}/);
});

test('haproxy forwards octets, HTTP/1.1 or HTTP/2 as the wire says', () => {
  assert.match(haproxyConfig('in', aScope('tcp')), /mode tcp/);
  assert.match(haproxyConfig('in', aScope('h2')), /server s0 127\.0\.0\.1:1003 proto h2/);
  assert.match(haproxyConfig('in', aScope('mux')), /alpn h2\n.*\n.*\n.*\n +server s0 127\.0\.0\.1:1003\n/);
});
