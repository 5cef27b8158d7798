import type { MeshConfig } from '#shared/model/mesh-config.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import { accessLog } from './access-log.ts';
import { adsSource, compact, type Fields, typed } from './typed-builder.ts';

/** What differs between HTTP connection managers. */
export type HttpManager = Readonly<{
  direction: 'inbound' | 'outbound';
  statPrefix: string;
  /** The name of a route configuration to subscribe to, or one that is part of the listener. */
  routes: string | TypedObject;
  /** An explicit proxy: requests in absolute form. */
  isProxy?: boolean;
  isHttp2?: boolean;
}>;

/** A TCP proxy to one cluster, or to several by weight. */
export function tcpProxy(
  mesh: MeshConfig,
  statPrefix: string,
  target: string | TypedObject,
  extra: Fields = {},
): TypedObject {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
      stat_prefix: statPrefix,
      ...(typeof target === 'string' ? { cluster: target } : { weighted_clusters: target }),
      ...accessLog(mesh),
      ...extra,
    }),
  };
}

/** A TCP proxy to the cluster that has no endpoints: the connection is closed. */
export function blackHole(): TypedObject {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
      stat_prefix: 'BlackHoleCluster',
      cluster: 'BlackHoleCluster',
    }),
  };
}

/** An HTTP connection manager with the filters of a sidecar, in Istio's order. */
export function httpManager(mesh: MeshConfig, manager: HttpManager): TypedObject {
  const { routes, direction } = manager;
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: manager.statPrefix,
      ...(typeof routes === 'string'
        ? { rds: { config_source: adsSource, route_config_name: routes } }
        : { route_config: routes }),
      http_filters: httpFilters,
      ...(manager.isHttp2 === true ? { http2_protocol_options: {} } : {}),
      ...(manager.isProxy === true ? { http_protocol_options: { allow_absolute_url: true } } : {}),
      ...(direction === 'inbound' ? inboundSettings : {}),
      ...accessLog(mesh),
      use_remote_address: false,
      proxy_100_continue: true,
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      stream_idle_timeout: '0s',
      request_id_extension: {
        typed_config: typed('envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig', {
          use_request_id_for_trace_sampling: true,
        }),
      },
      ...pathNormalization(mesh.pathNormalization),
    }),
  };
}

const inboundSettings: TypedObject = {
  server_name: 'istio-envoy',
  forward_client_cert_details: 'APPEND_FORWARD',
  set_current_client_cert_details: { subject: true, dns: true, uri: true },
};

const httpFilters: readonly TypedObject[] = [
  {
    name: 'envoy.filters.http.grpc_stats',
    typed_config: typed('envoy.extensions.filters.http.grpc_stats.v3.FilterConfig', {
      emit_filter_state: true,
      stats_for_all_methods: false,
    }),
  },
  { name: 'envoy.filters.http.fault', typed_config: typed('envoy.extensions.filters.http.fault.v3.HTTPFault') },
  { name: 'envoy.filters.http.cors', typed_config: typed('envoy.extensions.filters.http.cors.v3.Cors') },
  { name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router') },
];

function pathNormalization(level: MeshConfig['pathNormalization']): TypedObject {
  const decodes = level === 'DECODE_AND_MERGE_SLASHES';
  return compact({
    normalize_path: level !== 'NONE',
    merge_slashes: decodes || level === 'MERGE_SLASHES' ? true : undefined,
    path_with_escaped_slashes_action: decodes ? 'UNESCAPE_AND_FORWARD' : 'KEEP_UNCHANGED',
  });
}
