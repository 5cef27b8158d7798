import type { UpstreamHttp } from '../../snapshot/cluster.ts';
import type { Reader } from './reader.ts';

const optionsKey = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** `typed_extension_protocol_options` of a cluster, and the older fields beside it. */
export function decodeUpstreamHttp(cluster: Reader): UpstreamHttp {
  let protocol: UpstreamHttp['protocol'] = cluster.message('http2_protocol_options') === null ? 'http1' : 'http2';
  let common: Reader | null = cluster.message('common_http_protocol_options');
  const maxRequests = cluster.number('max_requests_per_connection');
  for (const [name, options] of cluster.messageMap('typed_extension_protocol_options')) {
    if (name !== optionsKey) {
      options.refuse('', `protocol options ${name} are not supported`);
      continue;
    }
    protocol = decodeProtocol(options);
    common = options.message('common_http_protocol_options') ?? common;
    options.ignore('upstream_http_protocol_options', 'http_filters', 'outlier_detection').done();
  }
  const http: UpstreamHttp = {
    protocol,
    maxRequestsPerConnection: common?.number('max_requests_per_connection', maxRequests) ?? maxRequests,
    idleTimeoutMs: common?.ms('idle_timeout', 3_600_000) ?? 3_600_000,
    maxConnectionDurationMs: common?.ms('max_connection_duration', 0) ?? 0,
    maxConcurrentStreams: 2_147_483_647,
  };
  common?.ignore('max_headers_count', 'max_stream_duration', 'headers_with_underscores_action').done();
  return http;
}

function decodeProtocol(options: Reader): UpstreamHttp['protocol'] {
  const explicit = options.message('explicit_http_config');
  const downstream = options.message('use_downstream_protocol_config');
  const auto = options.message('auto_config');
  for (const config of [explicit, downstream, auto]) {
    config?.ignore('http_protocol_options', 'http2_protocol_options').done();
  }
  if (explicit !== null) return explicit.has('http2_protocol_options') ? 'http2' : 'http1';
  if (auto !== null) return 'auto';
  return downstream === null ? 'http1' : 'downstream';
}
