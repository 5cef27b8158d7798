/** The bootstrap file that both proxies start from. */
import { aRoot, aWorkloadLeaf } from '../../support/certificates.ts';
import type { Feature, Json, ListenerName, Ports, Protocols } from './case.ts';

export const types = 'type.googleapis.com/envoy.';
const http = `${types}extensions.filters.http.`;

const root = aRoot();
const otherRoot = aRoot({ trustDomain: 'elsewhere' });

/** The certificates of the table: one root, the identities of client, server and upstream, and a stranger. */
export const certificates = {
  root,
  client: aWorkloadLeaf(root, { spiffeId: 'spiffe://cluster.local/ns/shop/sa/client' }),
  other: aWorkloadLeaf(root, { spiffeId: 'spiffe://cluster.local/ns/shop/sa/other' }),
  server: aWorkloadLeaf(root, { spiffeId: 'spiffe://cluster.local/ns/shop/sa/server' }),
  stranger: aWorkloadLeaf(otherRoot, { spiffeId: 'spiffe://elsewhere/ns/shop/sa/client' }),
};

/** What the access log of either proxy says of a request. */
const logFormat = {
  method: '%REQ(:METHOD)%',
  path: '%REQ(:PATH)%',
  original_path: '%REQ(X-ENVOY-ORIGINAL-PATH)%',
  authority: '%REQ(:AUTHORITY)%',
  protocol: '%PROTOCOL%',
  status: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  upstream: '%UPSTREAM_HOST%',
  upstream_protocol: '%UPSTREAM_PROTOCOL%',
  cluster: '%UPSTREAM_CLUSTER_RAW%',
  route: '%ROUTE_NAME%',
  server_name: '%REQUESTED_SERVER_NAME%',
  peer: '%DOWNSTREAM_PEER_URI_SAN%',
  user_agent: '%REQ(USER-AGENT)%',
  content_type: '%RESP(CONTENT-TYPE)%',
};

export type Place = Readonly<{
  listeners: Readonly<Record<ListenerName, number>>;
  upstream: Ports;
  logPath: string;
  protocols: Protocols;
}>;

/** The whole file for one proxy. */
export function aBootstrap(features: readonly Feature[], { listeners, upstream, logPath, protocols }: Place): Json {
  const virtualHosts = features.flatMap((feature) => feature.virtualHosts ?? []);
  const router = { name: 'router', typed_config: { '@type': `${http}router.v3.Router` } };
  const filters = [
    { name: 'envoy.filters.http.cors', typed_config: { '@type': `${http}cors.v3.Cors` } },
    { name: 'envoy.filters.http.rbac', typed_config: { '@type': `${http}rbac.v3.RBAC` } },
    { name: 'envoy.filters.http.fault', typed_config: { '@type': `${http}fault.v3.HTTPFault` } },
    router,
  ];
  const manager = (name: string, more: Json): Json => ({
    '@type': `${types}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    codec_type: protocols.downstream === 'http2' ? 'HTTP2' : 'HTTP1',
    http2_protocol_options: { allow_connect: true },
    access_log: [accessLog(logPath)],
    http_filters: filters,
    ...more,
  });
  const routes = { name: 'routes', virtual_hosts: virtualHosts, validate_clusters: false };
  const upgrades = {
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    http_protocol_options: { enable_trailers: true },
  };
  const edge = manager('edge', {
    route_config: { name: 'edge', virtual_hosts: [forwardAll] },
    use_remote_address: true,
    server_name: 'edge-server',
    normalize_path: true,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT',
    strip_any_host_port: true,
  });
  const authorized = manager('mtls', {
    route_config: { name: 'mtls', virtual_hosts: [forwardAll] },
    http_filters: [rbac(), router],
    forward_client_cert_details: 'APPEND_FORWARD',
    set_current_client_cert_details: { subject: true, dns: true, uri: true },
  });
  return {
    node: { id: 'differential', cluster: 'differential' },
    static_resources: {
      listeners: [
        listener('plain', listeners.plain, manager('plain', { route_config: routes, ...upgrades })),
        listener('edge', listeners.edge, edge),
        listener(
          'http10',
          listeners.http10,
          manager('http10', { route_config: routes, http_protocol_options: { accept_http_10: true } }),
        ),
        listener('mtls', listeners.mtls, authorized, serverTls()),
        tunnel('tcp', listeners.tcp, 'a', logPath),
        tunnel('tcpRefused', listeners.tcpRefused, 'tcp-refused', logPath),
        tunnel('tcpEmpty', listeners.tcpEmpty, 'tcp-empty', logPath),
      ],
      clusters: [
        cluster('a', [upstream.a], httpOptions({ http_protocol_options: { enable_trailers: true } })),
        ...features.flatMap((feature) => feature.clusters?.(upstream) ?? []),
      ].map((one) => (protocols.upstream === 'http2' ? overHttp2(one) : one)),
    },
  };
}

const forwardAll: Json = {
  name: 'all',
  domains: ['*'],
  routes: [{ name: 'all', match: { prefix: '/' }, route: { cluster: 'a' } }],
};

function accessLog(path: string): Json {
  const config = { '@type': `${types}extensions.access_loggers.file.v3.FileAccessLog`, path };
  return { name: 'file', typed_config: { ...config, log_format: { json_format: logFormat } } };
}

function listener(name: string, port: number, manager: Json, socket?: Json): Json {
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
  const chain = socket === undefined ? { filters } : { filters, transport_socket: socket };
  const inspector = { '@type': `${types}extensions.filters.listener.tls_inspector.v3.TlsInspector` };
  return {
    name,
    address: address(port),
    traffic_direction: 'INBOUND',
    filter_chains: [chain],
    ...(socket === undefined ? {} : { listener_filters: [{ name: 'tls_inspector', typed_config: inspector }] }),
  };
}

function tunnel(name: string, port: number, target: string, logPath: string): Json {
  const proxy = {
    '@type': `${types}extensions.filters.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: name,
    cluster: target,
    access_log: [accessLog(logPath)],
  };
  const chain = { filters: [{ name: 'envoy.filters.network.tcp_proxy', typed_config: proxy }] };
  return { name, address: address(port), traffic_direction: 'INBOUND', filter_chains: [chain] };
}

const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** A cluster of endpoints on this machine. */
export function cluster(name: string, ports: readonly number[], more: Json = {}): Json {
  const endpoints = ports.map((port) => ({ endpoint: { address: address(port) } }));
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
    ...more,
  };
}

/** The HTTP options of a cluster. */
export function httpOptions(explicit: Json, more: Json = {}): Json {
  const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const options = { '@type': `type.googleapis.com/${name}`, explicit_http_config: explicit, ...more };
  return { typed_extension_protocol_options: { [name]: options } };
}

/** A cluster whose upstream speaks HTTP/2, with its other options as they were. */
function overHttp2(one: Json): Json {
  const known = Object.values((one['typed_extension_protocol_options'] ?? {}) as Readonly<Record<string, Json>>);
  return {
    ...one,
    ...httpOptions({}, { ...known[0], explicit_http_config: { http2_protocol_options: { allow_connect: true } } }),
  };
}

/** A virtual host of a feature, for `<name>.test`. */
export function virtualHost(name: string, routes: readonly Json[], more: Json = {}): Json {
  return { name, domains: [`${name}.test`], routes, ...more };
}

/** A route by prefix to a cluster. */
export function route(prefix: string, action: Json = {}, more: Json = {}): Json {
  return { name: prefix.slice(1), match: { prefix }, route: { cluster: 'a', ...action }, ...more };
}

const inline = (text: string) => ({ inline_string: text });

function rbac(): Json {
  const principals = [{ authenticated: { principal_name: { exact: 'spiffe://cluster.local/ns/shop/sa/client' } } }];
  const policies = { clients: { permissions: [{ any: true }], principals } };
  return {
    name: 'envoy.filters.http.rbac',
    typed_config: { '@type': `${http}rbac.v3.RBAC`, rules: { action: 'ALLOW', policies } },
  };
}

function serverTls(): Json {
  const context = {
    '@type': `${types}extensions.transport_sockets.tls.v3.DownstreamTlsContext`,
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [
        { certificate_chain: inline(certificates.server.pem), private_key: inline(certificates.server.keyPem) },
      ],
      validation_context: { trusted_ca: inline(root.pem) },
    },
  };
  return { name: 'envoy.transport_sockets.tls', typed_config: context };
}

/** The transport socket of a cluster whose endpoints must have the given identity. */
export function upstreamTls(spiffeId: string): Json {
  const context = {
    '@type': `${types}extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
    sni: 'upstream.test',
    common_tls_context: {
      tls_certificates: [
        { certificate_chain: inline(certificates.client.pem), private_key: inline(certificates.client.keyPem) },
      ],
      validation_context: {
        trusted_ca: inline(root.pem),
        match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: spiffeId } }],
      },
    },
  };
  return { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context } };
}

/** Per-route configuration of a filter. */
export function perRoute(filter: 'cors' | 'fault' | 'rbac', type: string, config: Json): Json {
  return { typed_per_filter_config: { [`envoy.filters.http.${filter}`]: { '@type': `${http}${type}`, ...config } } };
}
