import type {
  ClusterTarget,
  DirectAction,
  ForwardAction,
  HashPolicy,
  HostRewrite,
  MirrorPolicy,
  RedirectAction,
  RegexRewrite,
  StreamDuration,
  WeightedCluster,
} from '../../snapshot/route.ts';
import { decodeFilterOverrides } from './http-filters.ts';
import { decodeRegex, decodeRuntimeFraction } from './matchers.ts';
import type { Reader } from './reader.ts';
import { decodeRetryPolicy } from './retry-policy.ts';
import { decodeHeaderOps } from './header-ops.ts';

const notFoundStatus = { SERVICE_UNAVAILABLE: 503, NOT_FOUND: 404, INTERNAL_SERVER_ERROR: 500 } as const;

/** `envoy.config.route.v3.RouteAction`. */
export function decodeForward(reader: Reader): ForwardAction {
  const retry = reader.message('retry_policy');
  const regex = reader.message('regex_rewrite');
  const notFound = reader.string('cluster_not_found_response_code', 'SERVICE_UNAVAILABLE');
  const forward: ForwardAction = {
    kind: 'forward',
    target: decodeTarget(reader),
    timeoutMs: reader.ms('timeout', 15_000),
    idleTimeoutMs: reader.msOrNull('idle_timeout'),
    maxGrpcTimeoutMs: reader.msOrNull('max_grpc_timeout'),
    streamDuration: decodeStreamDuration(reader),
    retry: retry === null ? null : decodeRetryPolicy(retry),
    prefixRewrite: reader.has('prefix_rewrite') ? reader.string('prefix_rewrite') : null,
    regexRewrite: regex === null ? null : decodeRegexRewrite(regex),
    hostRewrite: decodeHostRewrite(reader, 'host_rewrite_literal'),
    hashPolicies: reader.messages('hash_policy').map(decodeHashPolicy),
    mirrors: reader.messages('request_mirror_policies').map(decodeMirror),
    priority: reader.string('priority') === 'HIGH' ? 'high' : 'default',
    clusterNotFoundStatus: Object.entries(notFoundStatus).find(([name]) => name === notFound)?.[1] ?? 503,
    upgrades: decodeUpgrades(reader),
  };
  reader.ignore('append_x_forwarded_host', 'metadata_match', 'early_data_policy', 'flush_timeout').done();
  return forward;
}

/** `RouteAction.MaxStreamDuration`. */
function decodeStreamDuration(reader: Reader): StreamDuration | null {
  const message = reader.message('max_stream_duration');
  if (message === null) return null;
  const duration: StreamDuration = {
    maxMs: message.msOrNull('max_stream_duration') ?? 0,
    grpcHeaderMaxMs: message.msOrNull('grpc_timeout_header_max'),
    grpcHeaderOffsetMs: message.msOrNull('grpc_timeout_header_offset') ?? 0,
  };
  message.done();
  return duration;
}

/** The cluster, header or weighted clusters of a route or TCP proxy. */
export function decodeTarget(reader: Reader): ClusterTarget {
  const weighted = reader.message('weighted_clusters');
  if (weighted !== null) {
    const clusters = weighted.messages('clusters').map(decodeWeighted);
    weighted.ignore('total_weight', 'runtime_key_prefix', 'header_name').done();
    const totalWeight = clusters.reduce((sum, cluster) => sum + cluster.weight, 0);
    if (totalWeight === 0) weighted.refuse('clusters', 'the weights must add up to at least 1');
    return { kind: 'weighted', clusters, totalWeight };
  }
  if (reader.has('cluster_header')) return { kind: 'header', name: reader.string('cluster_header').toLowerCase() };
  if (!reader.has('cluster')) reader.refuse('', 'needs one of cluster, weighted_clusters, cluster_header');
  return { kind: 'cluster', name: reader.string('cluster') };
}

function decodeWeighted(reader: Reader): WeightedCluster {
  const cluster: WeightedCluster = {
    name: reader.string('name'),
    weight: reader.number('weight'),
    ...decodeHeaderOps(reader),
    hostRewrite: decodeHostRewrite(reader, 'host_rewrite_literal'),
    filters: decodeFilterOverrides(reader),
  };
  reader.ignore('metadata_match').done();
  return cluster;
}

function decodeHostRewrite(reader: Reader, literalField: string): HostRewrite | null {
  const literal = reader.string(literalField);
  const header = reader.string('host_rewrite_header');
  if (literal !== '') return { kind: 'literal', value: literal };
  if (header !== '') return { kind: 'header', name: header.toLowerCase() };
  return reader.bool('auto_host_rewrite') ? { kind: 'auto' } : null;
}

function decodeRegexRewrite(reader: Reader): RegexRewrite {
  const pattern = reader.message('pattern');
  const substitution = reader.string('substitution');
  if (pattern === null) reader.refuse('pattern', 'is needed');
  reader.done();
  return { pattern: pattern === null ? '' : decodeRegex(pattern).pattern, substitution };
}

function decodeMirror(reader: Reader): MirrorPolicy {
  const fraction = reader.message('runtime_fraction');
  const mirror: MirrorPolicy = {
    cluster: reader.string('cluster'),
    fraction: fraction === null ? { numerator: 100, denominator: 100 } : decodeRuntimeFraction(fraction),
    appendShadowSuffix: !reader.bool('disable_shadow_host_suffix_append'),
  };
  reader.ignore('trace_sampled').done();
  return mirror;
}

function decodeHashPolicy(reader: Reader): HashPolicy {
  const policy = readHashPolicy(reader, reader.bool('terminal'));
  reader.done();
  if (policy === null) reader.refuse('', 'is a hash policy of a kind that is not supported');
  return policy ?? { kind: 'sourceIp', terminal: false };
}

function readHashPolicy(reader: Reader, terminal: boolean): HashPolicy | null {
  const header = reader.message('header');
  if (header !== null) {
    const name = header.string('header_name').toLowerCase();
    header.done();
    return { kind: 'header', name, terminal };
  }
  const cookie = reader.message('cookie');
  if (cookie !== null) {
    const attributes = cookie.messages('attributes').map((attribute) => {
      const value = attribute.string('value');
      return value === '' ? attribute.string('name') : `${attribute.string('name')}=${value}`;
    });
    const policy = { name: cookie.string('name'), ttlMs: cookie.msOrNull('ttl'), path: cookie.string('path') };
    cookie.done();
    return { kind: 'cookie', ...policy, attributes, terminal };
  }
  const query = reader.message('query_parameter');
  if (query !== null) {
    const name = query.string('name');
    query.done();
    return { kind: 'query', name, terminal };
  }
  const properties = reader.message('connection_properties');
  return properties?.bool('source_ip') === true ? { kind: 'sourceIp', terminal } : null;
}

function decodeUpgrades(reader: Reader): ReadonlyMap<string, boolean> {
  const upgrades = new Map<string, boolean>();
  for (const upgrade of reader.messages('upgrade_configs')) {
    upgrades.set(upgrade.string('upgrade_type').toLowerCase(), upgrade.bool('enabled', true));
    upgrade.done();
  }
  return upgrades;
}

const redirectStatus = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
} as const;

/** `envoy.config.route.v3.RedirectAction`. */
export function decodeRedirect(reader: Reader): RedirectAction {
  const code = reader.string('response_code', 'MOVED_PERMANENTLY');
  const regex = reader.message('regex_rewrite');
  const scheme = reader.string('scheme_redirect');
  const host = reader.string('host_redirect');
  const port = reader.number('port_redirect');
  const path: RedirectAction['path'] = reader.has('path_redirect')
    ? { kind: 'full', value: reader.string('path_redirect') }
    : reader.has('prefix_rewrite')
      ? { kind: 'prefix', value: reader.string('prefix_rewrite') }
      : regex === null
        ? null
        : { kind: 'regex', rewrite: decodeRegexRewrite(regex) };
  const redirect: RedirectAction = {
    kind: 'redirect',
    status: Object.entries(redirectStatus).find(([name]) => name === code)?.[1] ?? 301,
    scheme: scheme === '' ? null : scheme,
    httpsRedirect: reader.bool('https_redirect'),
    host: host === '' ? null : host,
    port: port === 0 ? null : port,
    path,
    stripQuery: reader.bool('strip_query'),
  };
  reader.done();
  return redirect;
}

/** `envoy.config.route.v3.DirectResponseAction`. */
export function decodeDirect(reader: Reader): DirectAction {
  const body = reader.message('body');
  const status = reader.number('status');
  if (status < 200 || status > 599) reader.refuse('status', 'must be within 200 and 599');
  reader.done();
  if (body === null) return { kind: 'direct', status, body: null };
  const bytes = body.has('inline_bytes')
    ? Buffer.from(body.string('inline_bytes'), 'base64')
    : Buffer.from(body.string('inline_string'));
  body.done();
  return { kind: 'direct', status, body: bytes };
}
