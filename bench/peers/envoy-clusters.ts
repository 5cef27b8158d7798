/** The clusters of an Envoy pair: the one that the load goes to, and those of the services that the configuration knows besides. */
import { address, named, tlsContext, types } from './envoy-parts.ts';
import { endpointsOf, maxStreams, type Hop, type PairScope } from './pair.ts';

/** All clusters of a hop. */
export function clusters(hop: Hop, scope: PairScope): unknown[] {
  const endpoints = endpointsOf(hop, scope);
  const others = Array.from({ length: scope.shape.services }, (_, n) => {
    const hosts = Array.from({ length: 3 }, (__, k) => ({ host: `127.1.${n >> 8}.${n & 255}`, port: 8080 + k }));
    return cluster({ name: `outbound|80||service-${n}.default.svc.cluster.local`, hop, scope, endpoints: hosts });
  });
  return [cluster({ name: 'up', hop, scope, endpoints }), ...others];
}

type ClusterParts = Readonly<{
  name: string;
  hop: Hop;
  scope: PairScope;
  endpoints: readonly Readonly<{ host: string; port: number }>[];
}>;

function cluster({ name, hop, scope, endpoints }: ClusterParts): unknown {
  const many = 100_000;
  const thresholds = { max_connections: many, max_requests: many, max_pending_requests: many, max_retries: many };
  return {
    name,
    connect_timeout: '5s',
    type: 'STATIC',
    lb_policy: 'LEAST_REQUEST',
    circuit_breakers: { thresholds: [thresholds] },
    load_assignment: {
      cluster_name: name,
      endpoints: [
        { lb_endpoints: endpoints.map(({ host, port }) => ({ endpoint: { address: address(host, port) } })) },
      ],
    },
    outlier_detection: { consecutive_5xx: 5, interval: '10s' },
    ...protocol(hop, scope),
    ...(hop === 'out' ? upstreamTls(scope) : {}),
  };
}

function protocol(hop: Hop, { wire }: PairScope): object {
  if (wire === 'tcp') return {};
  const isHttp2 = wire === 'h2' || (wire === 'mux' && hop === 'out');
  const options = isHttp2
    ? { http2_protocol_options: { max_concurrent_streams: maxStreams } }
    : { http_protocol_options: {} };
  return {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${types}extensions.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: options,
      },
    },
  };
}

function upstreamTls(scope: PairScope): object {
  const typed = {
    '@type': `${types}extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
    common_tls_context: tlsContext('out', scope),
  };
  return { transport_socket: named('envoy.transport_sockets.tls', typed) };
}
