import type {
  AccessLogConfig,
  FilterChain,
  FilterChainMatch,
  Inspection,
  ListenerConfig,
  TcpProxy,
} from '../../snapshot/listener.ts';
import type { RbacConfig } from '../../snapshot/http-filter.ts';
import { decodeAccessLog } from './access-log.ts';
import { decodeAddress } from './endpoints.ts';
import { decodeHttpManager } from './http-manager.ts';
import { decodeRbac, readCidr } from './rbac.ts';
import { decodeOwn } from './own-metadata.ts';
import type { Reader } from './reader.ts';
import { decodeTarget } from './route-action.ts';
import { decodeDownstreamTransport } from './tls-context.ts';

const directions = { UNSPECIFIED: 'unspecified', INBOUND: 'inbound', OUTBOUND: 'outbound' } as const;

/** `envoy.config.listener.v3.Listener`. */
export function decodeListener(reader: Reader): ListenerConfig {
  const address = decodeAddresses(reader);
  const fallback = reader.message('default_filter_chain');
  const useOriginalDst = reader.bool('use_original_dst');
  const direction = reader.string('traffic_direction', 'UNSPECIFIED');
  const deprecated = reader.message('deprecated_v1');
  const bindToPort = reader.bool('bind_to_port', deprecated?.bool('bind_to_port', true) ?? true);
  const listener: ListenerConfig = {
    name: reader.string('name', `${address.address}_${address.port}`),
    ...address,
    bindToPort,
    transparent: reader.bool('transparent'),
    useOriginalDst,
    direction: Object.entries(directions).find(([name]) => name === direction)?.[1] ?? 'unspecified',
    inspect: decodeInspection(reader),
    chains: reader.messages('filter_chains').map(decodeChain),
    defaultChain: fallback === null ? null : decodeChain(fallback),
    accessLogs: decodeAccessLogs(reader),
    ...decodeOwn(reader),
  };
  if (listener.chains.length === 0 && listener.defaultChain === null)
    reader.refuse('filter_chains', 'needs at least one filter chain');
  reader.ignore(
    'metadata',
    'stat_prefix',
    'per_connection_buffer_limit_bytes',
    'drain_type',
    'connection_balance_config',
  );
  reader.ignore('enable_reuse_port', 'tcp_backlog_size', 'max_connections_to_accept_per_socket_event', 'freebind');
  reader.ignore('ignore_global_conn_limit', 'bypass_overload_manager').done();
  return listener;
}

/** The access logs of a listener, manager or TCP proxy. */
export function decodeAccessLogs(reader: Reader): readonly AccessLogConfig[] {
  return reader
    .messages('access_log')
    .map(decodeAccessLog)
    .filter((log) => log !== null);
}

/** `0.0.0.0` and `::` on one port are one socket here; other additional addresses are refused by name. */
function decodeAddresses(reader: Reader): { address: string; port: number } {
  const first = decodeAddress(reader.message('address'), reader);
  let found = first;
  for (const more of reader.messages('additional_addresses')) {
    const other = decodeAddress(more.message('address'), more);
    if (first.address === '0.0.0.0' && other.address === '::' && other.port === first.port) found = other;
    else more.refuse('address', 'must be :: on the port of 0.0.0.0');
    more.done();
  }
  return found;
}

const originalSrc = 'envoy.extensions.filters.listener.original_src.v3.OriginalSrc';

const inspectors = {
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst': 'originalDst',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector': 'tls',
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector': 'http',
} as const;

function decodeInspection(reader: Reader): Inspection {
  const found = { originalDst: false, tls: false, http: false };
  let originalSrcMark: number | null = null;
  const disabledPorts: Inspection['disabledPorts'][number][] = [];
  for (const filter of reader.messages('listener_filters')) {
    const name = filter.string('name');
    const config = filter.message('typed_config');
    const type = config?.type ?? '';
    const inspector = Object.entries(inspectors).find(([known]) => known === type)?.[1];
    const disabled = filter.message('filter_disabled');
    if (config !== null && type === originalSrc) originalSrcMark = decodeOriginalSrc(config);
    else if (inspector === undefined) filter.refuse('', `listener filter ${name} (${type}) is not supported`);
    else found[inspector] = true;
    if (disabled !== null && (inspector === 'tls' || inspector === 'http')) {
      for (const range of decodePortRanges(disabled)) disabledPorts.push({ inspector, ...range });
    }
    filter.done();
  }
  const timeoutMs = reader.ms('listener_filters_timeout', 15_000);
  return {
    ...found,
    originalSrcMark,
    disabledPorts,
    timeoutMs,
    continueOnTimeout: reader.bool('continue_on_listener_filters_timeout'),
  };
}

/** The port of the client cannot be kept as well (Envoy does not either). */
function decodeOriginalSrc(reader: Reader): number {
  if (reader.bool('bind_port')) reader.refuse('bind_port', 'is not supported');
  const mark = reader.number('mark');
  reader.done();
  return mark;
}

/** The destination port ranges of `ListenerFilterChainMatchPredicate`; other predicates are refused. */
function decodePortRanges(predicate: Reader): { start: number; end: number }[] {
  const range = predicate.message('destination_port_range');
  const or = predicate.message('or_match');
  predicate.done();
  if (range !== null) {
    const decoded = { start: range.number('start'), end: range.number('end') };
    range.done();
    return [decoded];
  }
  const rules = or?.messages('rules').flatMap(decodePortRanges) ?? [];
  or?.done();
  return rules;
}

function decodeChain(reader: Reader): FilterChain {
  const match = reader.message('filter_chain_match');
  const tls = decodeDownstreamTransport(reader.message('transport_socket'));
  const { rbac, handler } = decodeNetworkFilters(reader);
  const chain: FilterChain = {
    name: reader.string('name'),
    match: match === null ? anyConnection : decodeMatch(match),
    tls,
    rbac,
    handler,
    connectTimeoutMs: reader.ms('transport_socket_connect_timeout', 0),
  };
  reader.ignore('metadata', 'use_proxy_proto').done();
  return chain;
}

const anyConnection: FilterChainMatch = {
  destinationPort: null,
  destinationCidrs: [],
  serverNames: [],
  transportProtocol: '',
  applicationProtocols: [],
  sourceCidrs: [],
  directSourceCidrs: [],
  sourcePorts: [],
};

function decodeMatch(reader: Reader): FilterChainMatch {
  const transport = reader.string('transport_protocol');
  if (transport !== '' && transport !== 'tls' && transport !== 'raw_buffer') {
    reader.refuse('transport_protocol', 'must be tls or raw_buffer');
  }
  const match: FilterChainMatch = {
    destinationPort: reader.has('destination_port') ? reader.number('destination_port') : null,
    destinationCidrs: reader.messages('prefix_ranges').map(readCidr),
    serverNames: reader.strings('server_names').map((name) => name.toLowerCase()),
    transportProtocol: transport === 'tls' || transport === 'raw_buffer' ? transport : '',
    applicationProtocols: reader.strings('application_protocols'),
    sourceCidrs: reader.messages('source_prefix_ranges').map(readCidr),
    directSourceCidrs: reader.messages('direct_source_prefix_ranges').map(readCidr),
    sourcePorts: reader.numbers('source_ports'),
  };
  reader.done();
  return match;
}

const nothing: FilterChain['handler'] = {
  kind: 'tcp',
  tcp: {
    statPrefix: '',
    target: { kind: 'cluster', name: '' },
    idleTimeoutMs: 0,
    maxDurationMs: 0,
    maxConnectAttempts: 1,
    hashPolicies: [],
    accessLogs: [],
  },
};

function decodeNetworkFilters(chain: Reader): { rbac: readonly RbacConfig[]; handler: FilterChain['handler'] } {
  const rbac: RbacConfig[] = [];
  let handler: FilterChain['handler'] | null = null;
  for (const filter of chain.messages('filters')) {
    const name = filter.string('name');
    const config = filter.message('typed_config');
    filter.done();
    if (handler !== null) filter.refuse('', `no filter may follow the terminal one, as ${name} does`);
    switch (config?.type) {
      case 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager':
        handler = { kind: 'http', http: decodeHttpManager(config) };
        break;
      case 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy':
        handler = { kind: 'tcp', tcp: decodeTcpProxy(config) };
        break;
      case 'envoy.extensions.filters.network.rbac.v3.RBAC': {
        const rules = decodeRbac(config);
        if (rules !== null) rbac.push(rules);
        break;
      }
      default:
        filter.refuse('', `network filter ${name} (${config?.type ?? 'without a type'}) is not supported`);
    }
  }
  if (handler === null) chain.refuse('filters', 'needs an HTTP connection manager or a TCP proxy at the end');
  return { rbac, handler: handler ?? nothing };
}

function decodeTcpProxy(reader: Reader): TcpProxy {
  const tcp: TcpProxy = {
    statPrefix: reader.string('stat_prefix'),
    target: decodeTarget(reader),
    idleTimeoutMs: reader.ms('idle_timeout', 3_600_000),
    maxDurationMs: reader.ms('max_downstream_connection_duration', 0),
    maxConnectAttempts: reader.number('max_connect_attempts', 1),
    hashPolicies: reader.messages('hash_policy').map((policy) => {
      if (policy.message('source_ip') === null) policy.refuse('', 'only source_ip is supported');
      return { kind: 'sourceIp', terminal: false };
    }),
    accessLogs: decodeAccessLogs(reader),
  };
  reader.ignore('access_log_options', 'metadata_match').done();
  return tcp;
}
