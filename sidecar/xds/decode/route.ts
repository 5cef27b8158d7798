import type { Route, RouteMatch, RouteTable, VirtualHost } from '../../snapshot/route.ts';
import { decodeHeaderOps } from './header-ops.ts';
import { decodeFilterOverrides } from './http-filters.ts';
import { decodeHeaderMatch, decodePathMatch, decodeQueryMatch, decodeRuntimeFraction } from './matchers.ts';
import type { Reader } from './reader.ts';
import { decodeRetryPolicy } from './retry-policy.ts';
import { decodeDirect, decodeForward, decodeRedirect } from './route-action.ts';

/** `envoy.config.route.v3.RouteConfiguration`. */
export function decodeRouteTable(reader: Reader): RouteTable {
  const table: RouteTable = {
    name: reader.string('name'),
    virtualHosts: reader.messages('virtual_hosts').map(decodeVirtualHost),
    ignorePortInHost: reader.bool('ignore_port_in_host_matching'),
    ...decodeHeaderOps(reader),
    maxDirectResponseBytes: reader.number('max_direct_response_body_size_bytes', 4096),
  };
  refuseDuplicateDomains(table, reader);
  reader.ignore('validate_clusters', 'internal_only_headers', 'most_specific_header_mutations_wins', 'metadata').done();
  return table;
}

function refuseDuplicateDomains(table: RouteTable, reader: Reader): void {
  const seen = new Map<string, string>();
  for (const host of table.virtualHosts) {
    for (const domain of host.domains.map((name) => name.toLowerCase())) {
      const first = seen.get(domain);
      if (first !== undefined) {
        reader.refuse(
          'virtual_hosts',
          `domain ${domain} is in virtual hosts ${first} and ${host.name}: a domain must be unique`,
        );
      }
      seen.set(domain, host.name);
    }
  }
}

function decodeVirtualHost(reader: Reader): VirtualHost {
  const retry = reader.message('retry_policy');
  const host: VirtualHost = {
    name: reader.string('name'),
    domains: reader.strings('domains'),
    routes: reader.messages('routes').map(decodeRoute),
    ...decodeHeaderOps(reader),
    includeAttemptCount: reader.bool('include_request_attempt_count'),
    attemptCountInResponse: reader.bool('include_attempt_count_in_response'),
    retry: retry === null ? null : decodeRetryPolicy(retry),
    filters: decodeFilterOverrides(reader),
  };
  if (host.domains.length === 0) reader.refuse('domains', 'needs at least one domain');
  reader.ignore('metadata', 'include_is_timeout_retry_header').done();
  return host;
}

function decodeRoute(reader: Reader): Route {
  const match = reader.message('match');
  const decorator = reader.message('decorator');
  const operation = decorator?.string('operation') ?? '';
  decorator?.ignore('propagate').done();
  if (match === null) reader.refuse('match', 'is needed');
  const route: Route = {
    name: reader.string('name'),
    match:
      match === null
        ? {
            path: { kind: 'prefix', value: '/', ignoreCase: false },
            headers: [],
            query: [],
            grpcOnly: false,
            fraction: null,
          }
        : decodeRouteMatch(match),
    action: decodeAction(reader),
    ...decodeHeaderOps(reader),
    filters: decodeFilterOverrides(reader),
    operation,
  };
  reader.ignore('metadata', 'stat_prefix', 'tracing', 'per_request_buffer_limit_bytes').done();
  return route;
}

function decodeAction(reader: Reader): Route['action'] {
  const forward = reader.message('route');
  if (forward !== null) return decodeForward(forward);
  const redirect = reader.message('redirect');
  if (redirect !== null) return decodeRedirect(redirect);
  const direct = reader.message('direct_response');
  if (direct !== null) return decodeDirect(direct);
  if (reader.message('non_forwarding_action') !== null) return { kind: 'nonForwarding' };
  reader.refuse('', 'needs one of route, redirect, direct_response, non_forwarding_action');
  return { kind: 'nonForwarding' };
}

function decodeRouteMatch(reader: Reader): RouteMatch {
  const fraction = reader.message('runtime_fraction');
  const match: RouteMatch = {
    path: decodePathMatch(reader),
    headers: reader.messages('headers').map(decodeHeaderMatch),
    query: reader.messages('query_parameters').map(decodeQueryMatch),
    grpcOnly: reader.message('grpc') !== null,
    fraction: fraction === null ? null : decodeRuntimeFraction(fraction),
  };
  reader.done();
  return match;
}
