/**
 * The static configuration of a pair of Envoys that do what a sidecar does for each request: access log in Istio's format, RBAC by
 * SPIFFE id, request ids, forwarded client certificates, retries, outlier detection, ten routes. Our sidecar starts from the very
 * same file.
 */
import { callerId } from '../certificates.ts';
import { accessLogPath, pathPrefixes, type Hop, type PairScope } from './pair.ts';

const types = 'type.googleapis.com/envoy.';
const logFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

/** The bootstrap of one hop, for JSON. */
export function envoyConfig(hop: Hop, scope: PairScope): unknown {
  return {
    admin: { address: address(scope.adminPorts[hop]) },
    node: { id: hop, cluster: hop },
    static_resources: {
      listeners: [
        {
          name: 'l',
          address: address(hop === 'in' ? scope.inPort : scope.outPort),
          filter_chains: [{ filters: [manager(hop, scope)], ...(hop === 'in' ? downstreamTls(scope) : {}) }],
        },
      ],
      clusters: [cluster(hop, scope)],
    },
  };
}

function manager(hop: Hop, scope: PairScope): unknown {
  const retries = {
    retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
    num_retries: 2,
  };
  const route = { cluster: 'up', timeout: '0s', ...(hop === 'out' ? { retry_policy: retries } : {}) };
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
    route_config: {
      name: 'r',
      virtual_hosts: [
        { name: 'v', domains: ['*'], routes: pathPrefixes.map((prefix) => ({ match: { prefix }, route })) },
      ],
    },
    http_filters: httpFilters(hop),
    access_log: [accessLog(accessLogPath(scope.folder, hop))],
    ...(hop === 'in' ? clientCertificate : {}),
  });
}

function httpFilters(hop: Hop): unknown[] {
  const filters = `${types}extensions.filters.http.`;
  const policy = {
    permissions: [{ any: true }],
    principals: [{ authenticated: { principal_name: { exact: callerId } } }],
  };
  const rules = { action: 'ALLOW', policies: { p: policy } };
  const rbac = named('envoy.filters.http.rbac', { '@type': `${filters}rbac.v3.RBAC`, rules });
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

function cluster(hop: Hop, scope: PairScope): unknown {
  const upstreamPort = hop === 'out' ? scope.inPort : scope.backendPort;
  const many = 100_000;
  const thresholds = { max_connections: many, max_requests: many, max_pending_requests: many, max_retries: many };
  return {
    name: 'up',
    connect_timeout: '5s',
    type: 'STATIC',
    lb_policy: 'LEAST_REQUEST',
    circuit_breakers: { thresholds: [thresholds] },
    load_assignment: {
      cluster_name: 'up',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstreamPort) } }] }],
    },
    outlier_detection: { consecutive_5xx: 5, interval: '10s' },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${types}extensions.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http_protocol_options: {} },
      },
    },
    ...(hop === 'out' ? upstreamTls(scope) : {}),
  };
}

function downstreamTls(scope: PairScope): object {
  const typed = {
    '@type': `${types}extensions.transport_sockets.tls.v3.DownstreamTlsContext`,
    require_client_certificate: true,
    common_tls_context: tlsContext('in', scope),
  };
  return { transport_socket: named('envoy.transport_sockets.tls', typed) };
}

function upstreamTls(scope: PairScope): object {
  const typed = {
    '@type': `${types}extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
    common_tls_context: tlsContext('out', scope),
  };
  return { transport_socket: named('envoy.transport_sockets.tls', typed) };
}

function tlsContext(hop: Hop, { certificates }: PairScope): unknown {
  const { certificate, key } = hop === 'out' ? certificates.a : certificates.b;
  return {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
    alpn_protocols: ['http/1.1'],
    tls_certificates: [{ certificate_chain: { filename: certificate }, private_key: { filename: key } }],
    validation_context: { trusted_ca: { filename: certificates.ca } },
  };
}

function named(name: string, typedConfig: object): unknown {
  return { name, typed_config: typedConfig };
}

function address(port: number): unknown {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
