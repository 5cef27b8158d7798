import type { HttpManager } from '../../snapshot/listener.ts';
import { decodeAccessLog } from './access-log.ts';
import { decodeHttpFilter } from './http-filters.ts';
import { decodeHttp2Limits } from './http2-limits.ts';
import type { Reader } from './reader.ts';
import { decodeRouteTable } from './route.ts';

const serverHeaders = {
  OVERWRITE: 'overwrite',
  APPEND_IF_ABSENT: 'append_if_absent',
  PASS_THROUGH: 'pass_through',
} as const;
const clientCerts = {
  SANITIZE: 'sanitize',
  FORWARD_ONLY: 'forward_only',
  APPEND_FORWARD: 'append_forward',
  SANITIZE_SET: 'sanitize_set',
  ALWAYS_FORWARD_ONLY: 'always_forward_only',
} as const;
const slashActions = {
  IMPLEMENTATION_SPECIFIC_DEFAULT: 'keep',
  KEEP_UNCHANGED: 'keep',
  REJECT_REQUEST: 'reject',
  UNESCAPE_AND_REDIRECT: 'unescape_and_redirect',
  UNESCAPE_AND_FORWARD: 'unescape_and_forward',
} as const;

/** The value that an enum name stands for; an unknown name is refused. */
function oneOf<T extends Record<string, string>>(
  reader: Reader,
  field: string,
  names: T,
  otherwise: T[keyof T],
): T[keyof T] {
  if (!reader.has(field)) return otherwise;
  const name = reader.string(field);
  const found = Object.entries(names).find(([key]) => key === name);
  if (found === undefined) reader.refuse(field, `must be one of ${Object.keys(names).join(', ')}`);
  return (found?.[1] as T[keyof T] | undefined) ?? otherwise;
}

/** `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`. */
export function decodeHttpManager(reader: Reader): HttpManager {
  const manager: HttpManager = {
    statPrefix: reader.string('stat_prefix'),
    routes: decodeRoutes(reader),
    filters: decodeFilters(reader),
    accessLogs: reader
      .messages('access_log')
      .map(decodeAccessLog)
      .filter((log) => log !== null),
    ...decodeIdentity(reader),
    ...decodeNormalisation(reader),
    ...decodeTimes(reader),
    ...decodeProtocol(reader),
    tracing: decodeTracing(reader.message('tracing')),
  };
  reader.ignore('via', 'represent_ipv4_remote_address_as_ipv4_mapped_ipv6', 'request_id_extension', 'add_user_agent');
  reader
    .ignore(
      'always_set_request_id_in_response',
      'access_log_options',
      'internal_address_config',
      'append_x_forwarded_port',
    )
    .done();
  return manager;
}

function decodeRoutes(reader: Reader): HttpManager['routes'] {
  const rds = reader.message('rds');
  const inline = reader.message('route_config');
  if (inline !== null) return { kind: 'inline', table: decodeRouteTable(inline) };
  if (rds === null) reader.refuse('', 'needs rds or route_config');
  const name = rds?.string('route_config_name') ?? '';
  rds?.ignore('config_source').done();
  return { kind: 'rds', name };
}

function decodeFilters(reader: Reader): HttpManager['filters'] {
  const filters = reader.messages('http_filters');
  const last = filters.at(-1)?.raw['typed_config'];
  const lastType = typeof last === 'object' && last !== null && '@type' in last ? String(last['@type']) : '';
  if (!lastType.endsWith('.router.v3.Router')) reader.refuse('http_filters', 'must end with the router');
  return filters.map(decodeHttpFilter).filter((filter) => filter !== null);
}

function decodeIdentity(reader: Reader) {
  const details = reader.message('set_current_client_cert_details');
  const decoded = {
    serverName: reader.string('server_name', 'envoy'),
    serverHeader: oneOf(reader, 'server_header_transformation', serverHeaders, 'overwrite'),
    useRemoteAddress: reader.bool('use_remote_address'),
    skipXffAppend: reader.bool('skip_xff_append'),
    xffTrustedHops: reader.number('xff_num_trusted_hops'),
    generateRequestId: reader.bool('generate_request_id', true),
    preserveExternalRequestId: reader.bool('preserve_external_request_id'),
    forwardClientCert: oneOf(reader, 'forward_client_cert_details', clientCerts, 'sanitize'),
    clientCertDetails: {
      subject: details?.bool('subject') ?? false,
      cert: details?.bool('cert') ?? false,
      chain: details?.bool('chain') ?? false,
      dns: details?.bool('dns') ?? false,
      uri: details?.bool('uri') ?? false,
    },
  } as const;
  details?.done();
  return decoded;
}

function decodeNormalisation(reader: Reader) {
  const strip = reader.bool('strip_any_host_port')
    ? 'any'
    : reader.bool('strip_matching_host_port')
      ? 'matching'
      : 'none';
  reader.ignore('strip_matching_host_port', 'strip_trailing_host_dot');
  return {
    normalizePath: reader.bool('normalize_path'),
    mergeSlashes: reader.bool('merge_slashes'),
    escapedSlashes: oneOf(reader, 'path_with_escaped_slashes_action', slashActions, 'keep'),
    stripPort: strip,
  } as const;
}

function decodeTimes(reader: Reader) {
  const common = reader.message('common_http_protocol_options');
  const times = {
    requestHeadersTimeoutMs: reader.ms('request_headers_timeout', 0),
    idleTimeoutMs: common?.ms('idle_timeout', 3_600_000) ?? 3_600_000,
    streamIdleTimeoutMs: reader.ms('stream_idle_timeout', 300_000),
    drainTimeoutMs: reader.ms('drain_timeout', 5000),
    delayedCloseTimeoutMs: reader.ms('delayed_close_timeout', 1000),
    maxHeadersKb: reader.number('max_request_headers_kb', 60),
    maxHeadersCount: common?.number('max_headers_count', 100) ?? 100,
  };
  reader.mustBeUnset('request_timeout');
  common?.mustBeUnset('max_connection_duration', 'max_requests_per_connection', 'max_stream_duration');
  common?.ignore('headers_with_underscores_action').done();
  return times;
}

function decodeProtocol(reader: Reader) {
  const http1 = reader.message('http_protocol_options');
  const acceptHttp10 = http1?.bool('accept_http_10') ?? false;
  http1?.ignore('allow_absolute_url', 'default_host_for_http_10', 'header_key_format', 'enable_trailers').done();
  const upgrades = new Set<string>();
  for (const upgrade of reader.messages('upgrade_configs')) {
    if (upgrade.bool('enabled', true)) upgrades.add(upgrade.string('upgrade_type').toLowerCase());
    upgrade.ignore('upgrade_type', 'enabled').done();
  }
  const scheme = reader.message('scheme_header_transformation');
  const overwrite = scheme?.string('scheme_to_overwrite') ?? '';
  scheme?.done();
  return {
    upgrades,
    acceptHttp10,
    http2: decodeHttp2Limits(reader.message('http2_protocol_options')),
    codec: oneOf(reader, 'codec_type', { AUTO: 'auto', HTTP1: 'http1', HTTP2: 'http2' } as const, 'auto'),
    schemeOverwrite: overwrite === 'http' || overwrite === 'https' ? overwrite : null,
    proxiesContinue: reader.bool('proxy_100_continue'),
  } as const;
}

function decodeTracing(reader: Reader | null): HttpManager['tracing'] {
  if (reader === null) return null;
  const percent = (field: string) => reader.message(field)?.number('value') ?? 100;
  const tracing = {
    randomSampling: percent('random_sampling'),
    overallSampling: percent('overall_sampling'),
    clientSampling: percent('client_sampling'),
  };
  reader.ignore('provider', 'custom_tags', 'max_path_tag_length', 'verbose', 'spawn_upstream_span').done();
  return tracing;
}
