/**
 * The static configuration of a pair of Envoys that do what a sidecar does for each request: access log in Istio's format, RBAC by
 * SPIFFE id, request ids, forwarded client certificates, retries, outlier detection, ten routes. Our sidecar starts from the very
 * same file.
 */
import { callerId } from '../certificates.ts';
import { clusters } from './envoy-clusters.ts';
import { address, named, tlsContext, types } from './envoy-parts.ts';
import { accessLogPath, listenAddress, maxStreams, pathPrefixes, type Hop, type PairScope } from './pair.ts';

const logFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

/** The bootstrap of one hop, for JSON. */
export function envoyConfig(hop: Hop, scope: PairScope): unknown {
  const { host, port } = listenAddress(hop, scope);
  const filters = scope.wire === 'tcp' ? tcpFilters(hop, scope) : [manager(hop, scope)];
  return {
    admin: { address: address('127.0.0.1', scope.adminPorts[hop]) },
    node: { id: hop, cluster: hop },
    static_resources: {
      listeners: [
        {
          name: 'l',
          address: address(host, port),
          filter_chains: [{ filters, ...(hop === 'in' ? downstreamTls(scope) : {}) }],
        },
      ],
      clusters: clusters(hop, scope),
    },
  };
}

function tcpFilters(hop: Hop, scope: PairScope): unknown[] {
  const filters = `${types}extensions.filters.network.`;
  const rbac = { '@type': `${filters}rbac.v3.RBAC`, stat_prefix: 'rbac', rules: rules() };
  const proxy = {
    '@type': `${filters}tcp_proxy.v3.TcpProxy`,
    stat_prefix: hop,
    cluster: 'up',
    access_log: [accessLog(accessLogPath(scope.folder, hop))],
  };
  return [
    ...(hop === 'in' ? [named('envoy.filters.network.rbac', rbac)] : []),
    named('envoy.filters.network.tcp_proxy', proxy),
  ];
}

function manager(hop: Hop, scope: PairScope): unknown {
  const clientCertificate = {
    forward_client_cert_details: 'APPEND_FORWARD',
    set_current_client_cert_details: { subject: true, dns: true, uri: true },
  };
  return named('envoy.filters.network.http_connection_manager', {
    '@type': `${types}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: hop,
    codec_type: 'AUTO',
    generate_request_id: true,
    use_remote_address: false,
    route_config: { name: 'r', virtual_hosts: virtualHosts(hop, scope) },
    ...(scope.wire === 'http1' ? {} : { http2_protocol_options: { max_concurrent_streams: maxStreams } }),
    http_filters: httpFilters(hop),
    access_log: [accessLog(accessLogPath(scope.folder, hop))],
    ...(hop === 'in' ? clientCertificate : {}),
  });
}

function virtualHosts(hop: Hop, { shape }: PairScope): unknown[] {
  const retries = {
    retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
    num_retries: 2,
  };
  const routeTo = (cluster: string) => ({
    cluster,
    timeout: '0s',
    ...(hop === 'out' ? { retry_policy: retries } : {}),
  });
  const ours = pathPrefixes.map((prefix) => ({ match: { prefix }, route: routeTo('up') }));
  const others = Array.from({ length: shape.services }, (_, n) => {
    const host = `service-${n}.default.svc.cluster.local`;
    return {
      name: `${host}:80`,
      domains: [host, `${host}:80`, `service-${n}.default`, `service-${n}.default:80`],
      routes: [{ name: 'default', match: { prefix: '/' }, route: routeTo(`outbound|80||${host}`) }],
    };
  });
  return [...others, { name: 'v', domains: ['*'], routes: ours }];
}

function rules(): object {
  const policy = {
    permissions: [{ any: true }],
    principals: [{ authenticated: { principal_name: { exact: callerId } } }],
  };
  return { action: 'ALLOW', policies: { p: policy } };
}

function httpFilters(hop: Hop): unknown[] {
  const filters = `${types}extensions.filters.http.`;
  const rbac = named('envoy.filters.http.rbac', { '@type': `${filters}rbac.v3.RBAC`, rules: rules() });
  return [
    ...(hop === 'in' ? [rbac] : []),
    named('envoy.filters.http.fault', { '@type': `${filters}fault.v3.HTTPFault` }),
    named('envoy.filters.http.router', { '@type': `${filters}router.v3.Router` }),
  ];
}

function accessLog(path: string): unknown {
  return named('envoy.access_loggers.file', {
    '@type': `${types}extensions.access_loggers.file.v3.FileAccessLog`,
    path,
    log_format: { text_format_source: { inline_string: logFormat } },
  });
}

function downstreamTls(scope: PairScope): object {
  const typed = {
    '@type': `${types}extensions.transport_sockets.tls.v3.DownstreamTlsContext`,
    require_client_certificate: true,
    common_tls_context: tlsContext('in', scope),
  };
  return { transport_socket: named('envoy.transport_sockets.tls', typed) };
}
