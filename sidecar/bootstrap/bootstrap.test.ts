import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBootstrap } from './bootstrap.ts';

const hcm = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const aFile = (cluster: string) => `
node: {id: me, cluster: mine}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: 8000}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": ${hcm}
          statPrefix: in
          routeConfig: {virtualHosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: app, timeout: 3s}}]}]}
          httpFilters: [{name: router, typedConfig: {"@type": ${router}}}]
  clusters:
  - ${cluster}
`;

test('reads node, admin address, listeners and clusters, in either spelling', async () => {
  const result = await parseBootstrap(
    aFile('{name: app, connect_timeout: 1s, type: STATIC, loadAssignment: {clusterName: app}}'),
  );
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(result.value.node, { id: 'me', cluster: 'mine' });
  assert.deepEqual(result.value.admin, { address: '127.0.0.1', port: 9901 });
  assert.equal(result.value.snapshot.clusters.get('app')?.connectTimeoutMs, 1000);
  const handler = result.value.snapshot.listeners.get('in')?.chains[0]?.handler;
  assert.equal(
    handler?.kind === 'http' &&
      handler.http.routes.kind === 'inline' &&
      handler.http.routes.table.virtualHosts[0]?.name,
    'all',
  );
});

const refusals: [string, string, RegExp][] = [
  ['an unknown field', '{name: app, colour: red}', /clusters\[0\].*colour/],
  [
    'a kind of cluster that needs a control plane',
    '{name: app, type: EDS, eds_cluster_config: {service_name: app}}',
    /EDS needs a control plane/,
  ],
  [
    'a balancer that is not there',
    '{name: app, lb_policy: LOAD_BALANCING_POLICY_CONFIG}',
    /lb_policy.*LOAD_BALANCING_POLICY_CONFIG is not supported/,
  ],
  [
    'a window that HTTP/2 does not allow',
    '{name: app, http2_protocol_options: {initial_stream_window_size: 1000}}',
    /initial_stream_window_size.*between 65535/,
  ],
  ['a wrong enum value', '{name: app, type: NONSENSE}', /clusters\[0\].type/],
];
for (const [what, cluster, expected] of refusals) {
  test(`refuses ${what} by name`, async () => {
    const result = await parseBootstrap(aFile(cluster));
    assert.equal(result.ok, false);
    assert.match(result.problems.map((p) => `${p.path} ${p.message}`).join('\n'), expected);
  });
}

test('refuses what is not YAML', async () => {
  const result = await parseBootstrap('a: [b');
  assert.match(result.ok ? '' : (result.problems[0]?.message ?? ''), /is not YAML/);
});
