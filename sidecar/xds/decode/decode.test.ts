import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { typeUrls } from '#shared/xds/type-urls.ts';
import type { TypedObject, TypedValue } from '#shared/xds/typed.ts';
import { decodeResource, type SidecarType } from '../resource-types.ts';

const type = (name: string) => `type.googleapis.com/${name}`;
const filters = 'envoy.extensions.filters';
const router = { name: 'router', typed_config: { '@type': type(`${filters}.http.router.v3.Router`) } };

const aManager = (fields: TypedObject = {}): TypedObject => ({
  '@type': type(`${filters}.network.http_connection_manager.v3.HttpConnectionManager`),
  rds: { route_config_name: '80', config_source: { ads: {} } },
  http_filters: [router],
  ...fields,
});
const aChain = (config: TypedObject, fields: TypedObject = {}): TypedObject => ({
  filters: [{ name: 'last', typed_config: config }],
  ...fields,
});
const aListener = (fields: TypedObject = {}): TypedObject => ({
  name: 'l',
  address: { socket_address: { address: '0.0.0.0', port_value: 80 } },
  filter_chains: [aChain(aManager())],
  ...fields,
});
const withManager = (fields: TypedObject) => aListener({ filter_chains: [aChain(aManager(fields))] });
const withRoute = (route: TypedObject): TypedObject => ({
  name: '80',
  virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }],
});
const withAction = (fields: TypedObject) => withRoute({ route: { cluster: 'c', ...fields } });
const withEndpoint = (fields: TypedObject): TypedObject => ({
  cluster_name: 'c',
  endpoints: [{ lb_endpoints: [{ endpoint: { address: anAddress }, ...fields }] }],
});
const anAddress = { socket_address: { address: '10.0.0.1', port_value: 80 } };
const tls = (fields: TypedObject): TypedObject => ({
  name: 'c',
  transport_socket: {
    name: 'envoy.transport_sockets.tls',
    typed_config: { '@type': type('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'), ...fields },
  },
});

const originalSrc = { '@type': type(`${filters}.listener.original_src.v3.OriginalSrc`), mark: 1337 };

const route = 'virtual_hosts[0].routes[0]';
const manager = 'filter_chains[0].filters[0].typed_config';

/** What is refused: the type, the resource, and where and why. */
const refusals: readonly (readonly [SidecarType, TypedObject, ...string[]])[] = [
  ['cluster', {}, 'name must not be empty'],
  ['cluster', { name: 'c', colour: 'red' }, 'colour is not supported'],
  ['cluster', { name: 'c', connect_timeout: 'soon' }, 'connect_timeout must be a duration such as "1.5s"'],
  ['cluster', { name: 'c', connect_timeout: 5 }, 'connect_timeout must be a duration such as "1.5s"'],
  ['cluster', { name: 'c', type: 'NONSENSE' }, 'type NONSENSE is not supported'],
  ['cluster', { name: 'c', lb_policy: 'NONSENSE' }, 'lb_policy NONSENSE is not supported'],
  ['cluster', { name: 'c', lb_policy: 7 }, 'lb_policy must be a string'],
  [
    'cluster',
    { name: 'c', ring_hash_lb_config: { minimum_ring_size: 4_000_000_000, maximum_ring_size: 4_000_000_000 } },
    'ring_hash_lb_config.minimum_ring_size must be at most 8388608',
    'ring_hash_lb_config.maximum_ring_size must be at most 8388608',
  ],
  [
    'cluster',
    { name: 'c', maglev_lb_config: { table_size: 5_000_012 } },
    'maglev_lb_config.table_size must be at most 5000011',
  ],
  ['cluster', { name: 'c', health_checks: [{}] }, 'health_checks is not supported'],
  [
    'cluster',
    { name: 'c', circuit_breakers: { per_host_thresholds: [{}] } },
    'circuit_breakers.per_host_thresholds is not supported',
  ],
  [
    'cluster',
    { name: 'c', outlier_detection: { interval: '1' } },
    'outlier_detection.interval must be a duration such as "1.5s"',
  ],
  [
    'cluster',
    { name: 'c', circuit_breakers: { thresholds: [{}, { max_things: 1 }] } },
    'circuit_breakers.thresholds[1].max_things is not supported',
  ],
  [
    'cluster',
    { name: 'c', typed_extension_protocol_options: { own: { '@type': type('own') } } },
    'typed_extension_protocol_options.own protocol options own are not supported',
  ],
  ['cluster', tls({}), 'transport_socket.typed_config.common_tls_context is needed'],
  [
    'cluster',
    tls({ common_tls_context: { tls_params: { tls_minimum_protocol_version: 'TLSv1_1' } } }),
    'transport_socket.typed_config.common_tls_context.tls_params.tls_minimum_protocol_version must be TLSv1_2 or TLSv1_3: older versions are not spoken',
  ],
  [
    'cluster',
    tls({ common_tls_context: { custom_handshaker: {} } }),
    'transport_socket.typed_config.common_tls_context.custom_handshaker is not supported',
  ],
  ['cluster', { name: 'c', transport_socket: { name: 'own' } }, 'transport_socket.typed_config is needed'],
  ['endpoints', { cluster_name: 'c', policy: { drop_overloads: [{}] } }, 'policy.drop_overloads is not supported'],
  [
    'endpoints',
    { cluster_name: 'c', endpoints: [{ lb_endpoints: [{}] }] },
    'endpoints[0].lb_endpoints[0].endpoint is needed',
    'endpoints[0].lb_endpoints[0].address is needed',
  ],
  [
    'endpoints',
    withEndpoint({ endpoint: { address: { envoy_internal_address: {} } } }),
    'endpoints[0].lb_endpoints[0].endpoint.address only socket_address and pipe are supported',
  ],
  ['endpoints', withEndpoint({ endpoint_name: 'x' }), 'endpoints[0].lb_endpoints[0].endpoint_name is not supported'],
  ['listener', { name: 'l' }, 'address is needed', 'filter_chains needs at least one filter chain'],
  [
    'listener',
    aListener({ additional_addresses: [{ address: { socket_address: { address: '::', port_value: 81 } } }] }),
    'additional_addresses[0].address must be :: on the port of 0.0.0.0',
  ],
  [
    'listener',
    aListener({ listener_filters: [{ name: 'src', typed_config: { ...originalSrc, bind_port: true } }] }),
    'listener_filters[0].typed_config.bind_port is not supported',
  ],
  ['listener', aListener({ udp_listener_config: {} }), 'udp_listener_config is not supported'],
  [
    'listener',
    aListener({ listener_filters: [{ name: 'proxy_protocol', typed_config: { '@type': type('x.ProxyProtocol') } }] }),
    'listener_filters[0] listener filter proxy_protocol (x.ProxyProtocol) is not supported',
  ],
  [
    'listener',
    aListener({ filter_chains: [{}] }),
    'filter_chains[0].filters needs an HTTP connection manager or a TCP proxy at the end',
  ],
  [
    'listener',
    aListener({ filter_chains: [{ filters: [{ name: 'redis', typed_config: { '@type': type('x.Redis') } }] }] }),
    'filter_chains[0].filters[0] network filter redis (x.Redis) is not supported',
    'filter_chains[0].filters needs an HTTP connection manager or a TCP proxy at the end',
  ],
  [
    'listener',
    aListener({ filter_chains: [aChain(aManager(), { filter_chain_match: { transport_protocol: 'quic' } })] }),
    'filter_chains[0].filter_chain_match.transport_protocol must be tls or raw_buffer',
  ],
  ['listener', withManager({ http_filters: [] }), `${manager}.http_filters must end with the router`],
  [
    'listener',
    withManager({ http_filters: [{ name: 'lua', typed_config: { '@type': type('x.Lua') } }, router] }),
    `${manager}.http_filters[0] HTTP filter lua (x.Lua) is not supported`,
  ],
  [
    'listener',
    withManager({ server_header_transformation: 'NONSENSE' }),
    `${manager}.server_header_transformation must be one of OVERWRITE, APPEND_IF_ABSENT, PASS_THROUGH`,
  ],
  ['listener', withManager({ codec_type: 'HTTP3' }), `${manager}.codec_type must be one of AUTO, HTTP1, HTTP2`],
  ['listener', withManager({ drain_timeout: '1' }), `${manager}.drain_timeout must be a duration such as "1.5s"`],
  [
    'listener',
    withManager({ request_timeout: '5s' }),
    `${manager}.request_timeout is not supported: leave it out, or set it to 0`,
  ],
  [
    'listener',
    withManager({ original_ip_detection_extensions: [{}] }),
    `${manager}.original_ip_detection_extensions is not supported`,
  ],
  [
    'listener',
    withManager({ access_log: [{ name: 'als', typed_config: { '@type': type('x.Grpc') } }] }),
    `${manager}.access_log[0] access log als (x.Grpc) is not supported: only files`,
  ],
  ['routes', { name: '80', vhds: {} }, 'vhds is not supported'],
  ['routes', { name: '80', virtual_hosts: [{ name: 'v' }] }, 'virtual_hosts[0].domains needs at least one domain'],
  [
    'routes',
    { name: '80', virtual_hosts: [{ name: 'v', domains: ['a'], require_tls: 'ALL' }] },
    'virtual_hosts[0].require_tls is not supported',
  ],
  [
    'routes',
    {
      name: '80',
      virtual_hosts: [
        { name: 'v', domains: ['a'] },
        { name: 'w', domains: ['A'] },
      ],
    },
    'virtual_hosts domain a is in virtual hosts v and w: a domain must be unique',
  ],
  ['routes', withRoute({}), `${route} needs one of route, redirect, direct_response, non_forwarding_action`],
  [
    'routes',
    withRoute({ match: {}, route: { cluster: 'c' } }),
    `${route}.match needs one of prefix, path, safe_regex, path_separated_prefix, connect_matcher`,
  ],
  ['routes', withRoute({ route: {} }), `${route}.route needs one of cluster, weighted_clusters, cluster_header`],
  ['routes', withAction({ timeout: '-' }), `${route}.route.timeout must be a duration such as "1.5s"`],
  ['routes', withAction({ hedge_policy: {} }), `${route}.route.hedge_policy is not supported`],
  [
    'routes',
    withRoute({ route: { weighted_clusters: { clusters: [{ name: 'a', weight: 0 }] } } }),
    `${route}.route.weighted_clusters.clusters the weights must add up to at least 1`,
  ],
  [
    'routes',
    withRoute({ direct_response: { status: 99 } }),
    `${route}.direct_response.status must be within 200 and 599`,
  ],
  [
    'routes',
    withAction({ retry_policy: { retry_on: '5xx', retry_host_predicate: [{ name: 'omit_canary' }] } }),
    `${route}.route.retry_policy.retry_host_predicate[0].name retry predicate omit_canary is not supported`,
  ],
  [
    'routes',
    withRoute({ match: { prefix: '/', headers: [{ string_match: { exact: 'x' } }] }, route: { cluster: 'c' } }),
    `${route}.match.headers[0].name must not be empty`,
  ],
  [
    'routes',
    withRoute({ route: { cluster: 'c' }, request_headers_to_add: [{ append_action: 'SOMEHOW' }] }),
    `${route}.request_headers_to_add[0].append_action SOMEHOW is not known`,
    `${route}.request_headers_to_add[0].header is needed`,
  ],
  [
    'routes',
    withRoute({ route: { cluster: 'c' }, typed_per_filter_config: { lua: { '@type': type('x.Lua') } } }),
    `${route}.typed_per_filter_config.lua a route's configuration of type x.Lua is not supported`,
  ],
];

const decode = (kind: SidecarType, fields: TypedObject) => decodeResource(kind, { '@type': typeUrls[kind], ...fields });

describe('what is not supported is refused with its path', () => {
  for (const [kind, resource, ...expected] of refusals) {
    test(`${kind}: ${expected[0] ?? ''}`, () => {
      const result = decode(kind, resource);
      assert.equal(result.ok, false);
      assert.deepEqual(
        result.problems.map(({ path, message }) => `${path} ${message}`),
        expected,
      );
    });
  }

  test('all at once', () => {
    const result = decode('cluster', { name: '', type: 'X', lb_policy: 'Y', colour: 'red' });
    assert.deepEqual(result.ok ? [] : result.problems.map(({ path }) => path), ['name', 'type', 'lb_policy', 'colour']);
  });

  test('a message of another type', () => {
    const result = decodeResource('cluster', { '@type': typeUrls.routes, name: '80' });
    assert.deepEqual(result.ok ? [] : result.problems.map(({ path, message }) => `${path} ${message}`), [
      `@type must be ${typeUrls.cluster}, not ${typeUrls.routes}`,
    ]);
  });

  test('a pattern or a format that cannot be compiled is refused here, not later', () => {
    const pattern = decode('routes', withRoute({ match: { safe_regex: { regex: '([a' } }, route: { cluster: 'c' } }));
    assert.match(pattern.ok ? '' : (pattern.problems[0]?.path ?? ''), /match\.path$/);
    const log = {
      name: 'file',
      typed_config: {
        '@type': type('envoy.extensions.access_loggers.file.v3.FileAccessLog'),
        path: '/dev/null',
        log_format: { text_format_source: { inline_string: '%NONSENSE%' } },
      },
    };
    const format = decode('listener', withManager({ access_log: [log] }));
    assert.match(format.ok ? '' : (format.problems[0]?.message ?? ''), /NONSENSE/);
  });
});

describe('durations', () => {
  const table: readonly (readonly [TypedValue, number])[] = [
    ['0s', 0],
    ['1s', 1000],
    ['0.25s', 250],
    ['3600s', 3_600_000],
    ['0.000001s', 0.001],
  ];
  for (const [text, ms] of table) {
    test(`${String(text)} is ${ms} ms`, () => {
      const result = decode('cluster', { name: 'c', connect_timeout: text });
      assert.ok(result.ok && result.value.type === 'cluster');
      assert.equal(result.value.value.connectTimeoutMs, ms);
    });
  }
});

describe('defaults are Envoy’s', () => {
  test('of a TCP proxy and of the streams of a listener', () => {
    const proxy = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
    const typed_config = { '@type': proxy, stat_prefix: 'x', cluster: 'c' };
    const timed = { ...typed_config, idle_timeout: '5s', max_downstream_connection_duration: '60s' };
    const times = [typed_config, { ...timed, max_connect_attempts: 3 }].map((config) => {
      const filters = [{ name: 'tcp', typed_config: config }];
      const result = decode('listener', { name: 'l', address: anAddress, filter_chains: [{ filters }] });
      assert.ok(result.ok && result.value.type === 'listener');
      const handler = result.value.value.chains[0]?.handler;
      assert.ok(handler?.kind === 'tcp');
      return [handler.tcp.idleTimeoutMs, handler.tcp.maxDurationMs, handler.tcp.maxConnectAttempts];
    });
    assert.deepEqual(times, [
      [3_600_000, 0, 1],
      [5000, 60_000, 3],
    ]);
  });

  test('of a cluster', () => {
    const result = decode('cluster', { name: 'outbound|80||a' });
    assert.ok(result.ok && result.value.type === 'cluster');
    const { connectTimeoutMs, panicThreshold, altStatName, direction, breakers, http, discovery } = result.value.value;
    assert.deepEqual(
      { connectTimeoutMs, panicThreshold, altStatName, direction, idle: http.idleTimeoutMs, kind: discovery.kind },
      {
        connectTimeoutMs: 5000,
        panicThreshold: 50,
        altStatName: 'outbound|80||a',
        direction: 'outbound',
        idle: 3_600_000,
        kind: 'static',
      },
    );
    assert.equal(breakers.default.maxConnections, 1024);
  });

  test('of a route and its retries', () => {
    const result = decode('routes', withAction({ retry_policy: { retry_on: '5xx, nonsense' } }));
    assert.ok(result.ok && result.value.type === 'routes');
    const action = result.value.value.virtualHosts[0]?.routes[0]?.action;
    assert.ok(action?.kind === 'forward');
    assert.deepEqual([action.timeoutMs, action.clusterNotFoundStatus, action.maxGrpcTimeoutMs], [15_000, 503, null]);
    assert.deepEqual(action.retry?.on, ['5xx']);
    assert.deepEqual([action.retry.attempts, action.retry.baseIntervalMs, action.retry.maxIntervalMs], [1, 25, 250]);
  });

  test('of how long a stream may take', () => {
    const durationOf = (fields: TypedObject) => {
      const result = decode('routes', withAction(fields));
      assert.ok(result.ok && result.value.type === 'routes');
      const action = result.value.value.virtualHosts[0]?.routes[0]?.action;
      assert.ok(action?.kind === 'forward');
      return action.streamDuration;
    };
    assert.equal(durationOf({ max_grpc_timeout: '1s' }), null);
    const none = { maxMs: 0, grpcHeaderMaxMs: null, grpcHeaderOffsetMs: 0 };
    assert.deepEqual(durationOf({ max_stream_duration: {} }), none);
    const all = { max_stream_duration: '9s', grpc_timeout_header_max: '0s', grpc_timeout_header_offset: '0.1s' };
    assert.deepEqual(durationOf({ max_stream_duration: all }), {
      maxMs: 9000,
      grpcHeaderMaxMs: 0,
      grpcHeaderOffsetMs: 100,
    });
  });

  test('of a listener and its manager', () => {
    const result = decode('listener', aListener());
    assert.ok(result.ok && result.value.type === 'listener');
    const [chain] = result.value.value.chains;
    assert.ok(chain?.handler.kind === 'http');
    const { maxHeadersKb, maxHeadersCount, drainTimeoutMs, serverName } = chain.handler.http;
    assert.deepEqual([maxHeadersKb, maxHeadersCount, drainTimeoutMs, serverName], [60, 100, 5000, 'envoy']);
    assert.deepEqual([result.value.value.bindToPort, result.value.value.inspect.timeoutMs], [true, 15_000]);
  });
});

test('free-form metadata may hold anything', () => {
  const istio = { workload: { toString: 0 } };
  const labels = { 'envoy.transport_socket_match': { tlsMode: { toString: 0 }, port: 1 } };
  const result = decode('endpoints', withEndpoint({ metadata: { filter_metadata: { istio, ...labels } } }));
  assert.ok(result.ok && result.value.type === 'endpoints');
  const [endpoint] = result.value.value.localities[0]?.endpoints ?? [];
  assert.deepEqual([endpoint?.workload, endpoint?.transportLabels], ['', { tlsMode: '', port: '1' }]);
  const services = [null, 'x', { host: { toString: 0 }, name: 'n', namespace: 7 }];
  const cluster = decode('cluster', { name: 'c', metadata: { filter_metadata: { istio: { services } } } });
  assert.ok(cluster.ok && cluster.value.type === 'cluster');
  assert.deepEqual(cluster.value.value.services, [{ host: '', name: 'n', namespace: '7' }]);
});

test('a type that the sidecar does not ask for has no short name', async () => {
  const { sidecarTypeOf } = await import('../resource-types.ts');
  assert.equal(sidecarTypeOf(typeUrls.secret), null);
  assert.equal(sidecarTypeOf('cluster'), null);
  assert.equal(sidecarTypeOf(typeUrls.routes), 'routes');
});

describe('what takes captured connections', () => {
  const decoded = (kind: SidecarType, resource: TypedObject) => {
    const result = decode(kind, resource);
    assert.ok(result.ok, JSON.stringify(result));
    return result.value.value as unknown as Record<string, unknown>;
  };

  test('a listener on all addresses of both versions of IP is one on ::', () => {
    const additional = [{ address: { socket_address: { address: '::', port_value: 80 } } }];
    const both = decoded('listener', aListener({ additional_addresses: additional, transparent: true }));
    assert.deepEqual([both['address'], both['port'], both['transparent']], ['::', 80, true]);
    const one = decoded('listener', aListener());
    assert.deepEqual([one['address'], one['transparent']], ['0.0.0.0', false]);
  });

  test('in whose name upstreams are called, and with which mark', () => {
    const filter = { name: 'src', typed_config: originalSrc };
    const { inspect } = decoded('listener', aListener({ listener_filters: [filter] })) as { inspect: object };
    assert.equal(Reflect.get(inspect, 'originalSrcMark'), 1337);
  });

  test('a cluster has a source address for each version of IP', () => {
    const address = (text: string) => ({ address: text, port_value: 0 });
    const bind = { source_address: address('127.0.0.6'), extra_source_addresses: [{ address: address('::6') }] };
    const { sourceAddresses } = decoded('cluster', { name: 'c', upstream_bind_config: bind });
    assert.deepEqual(sourceAddresses, ['127.0.0.6', '::6']);
    assert.deepEqual(decoded('cluster', { name: 'c' })['sourceAddresses'], []);
  });
});
