import type { UpstreamHttp } from '../../snapshot/cluster.ts';
import type { Http2Limits } from '../../snapshot/http2-limits.ts';
import { decodeHttp2Limits } from './http2-limits.ts';
import { isRecord, type Reader } from './reader.ts';

const optionsKey = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** `typed_extension_protocol_options` of a cluster, and the older fields beside it. */
export function decodeUpstreamHttp(cluster: Reader): UpstreamHttp {
  const older = cluster.message('http2_protocol_options');
  let protocol: Protocol = { protocol: older === null ? 'http1' : 'http2', http2: decodeHttp2Limits(older) };
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
    ...protocol,
    isMultiplexed: isMultiplexed(cluster.message('metadata')),
    maxRequestsPerConnection: common?.number('max_requests_per_connection', maxRequests) ?? maxRequests,
    idleTimeoutMs: common?.ms('idle_timeout', 3_600_000) ?? 3_600_000,
    maxConnectionDurationMs: common?.ms('max_connection_duration', 0) ?? 0,
  };
  common?.ignore('max_headers_count', 'max_stream_duration', 'headers_with_underscores_action').done();
  return http;
}

type Protocol = Pick<UpstreamHttp, 'protocol' | 'http2'>;

function decodeProtocol(options: Reader): Protocol {
  const explicit = options.message('explicit_http_config');
  const downstream = options.message('use_downstream_protocol_config');
  const auto = options.message('auto_config');
  let http2: Http2Limits = {};
  for (const config of [explicit, downstream, auto]) {
    if (config?.has('http2_protocol_options') === true)
      http2 = decodeHttp2Limits(config.message('http2_protocol_options'));
    config?.ignore('http_protocol_options', 'http2_protocol_options').done();
  }
  if (explicit !== null) return { protocol: explicit.has('http2_protocol_options') ? 'http2' : 'http1', http2 };
  if (auto !== null) return { protocol: 'auto', http2 };
  return { protocol: downstream === null ? 'http1' : 'downstream', http2 };
}

/** `h2UpgradePolicy: DO_NOT_UPGRADE` comes as metadata of ours: Envoy has no field for it. */
function isMultiplexed(metadata: Reader | null): boolean {
  const own = metadata?.struct('filter_metadata')['tulle'];
  return !(isRecord(own) && own['h2_upgrade'] === false);
}
