import type { CorsConfig, FaultConfig, HttpFilter, HttpFilterOverrides } from '../../snapshot/http-filter.ts';
import { decodeFraction, decodeHeaderMatch, decodeRuntimeFraction, decodeStringMatch } from './matchers.ts';
import { decodeRbac } from './rbac.ts';
import type { Reader } from './reader.ts';

const httpFilters = 'envoy.extensions.filters.http.';

/** Filters that only feed Envoy's own statistics: known, and nothing to do. */
const inert = new Set([`${httpFilters}grpc_stats.v3.FilterConfig`, `${httpFilters}router.v3.Router`]);

/** One `HttpFilter` of a connection manager; null when it needs nothing of us. */
export function decodeHttpFilter(reader: Reader): HttpFilter | null {
  const name = reader.string('name');
  const config = reader.message('typed_config');
  reader.ignore('is_optional').done();
  const type = config?.type ?? '';
  if (inert.has(type)) return null;
  switch (type) {
    case `${httpFilters}fault.v3.HTTPFault`:
      return { kind: 'fault', config: config === null ? null : decodeFault(config) };
    case `${httpFilters}cors.v3.Cors`:
      return { kind: 'cors', config: null };
    case `${httpFilters}rbac.v3.RBAC`:
      return { kind: 'rbac', config: config === null ? null : decodeRbac(config) };
    default:
      reader.refuse('', `HTTP filter ${name} (${type === '' ? 'without a type' : type}) is not supported`);
      return null;
  }
}

/** `typed_per_filter_config` of a route, virtual host or weighted cluster. */
export function decodeFilterOverrides(reader: Reader): HttpFilterOverrides {
  const overrides: { -readonly [K in keyof HttpFilterOverrides]: HttpFilterOverrides[K] } = {};
  for (const [, config] of reader.messageMap('typed_per_filter_config')) {
    switch (config.type) {
      case `${httpFilters}fault.v3.HTTPFault`:
        overrides.fault = decodeFault(config);
        break;
      case `${httpFilters}cors.v3.CorsPolicy`:
        overrides.cors = decodeCorsPolicy(config);
        break;
      case `${httpFilters}rbac.v3.RBACPerRoute`: {
        const rbac = config.message('rbac');
        overrides.rbac = rbac === null ? null : decodeRbac(rbac);
        config.done();
        break;
      }
      default:
        config.refuse('', `a route's configuration of type ${config.type} is not supported`);
    }
  }
  return overrides;
}

function decodeFault(reader: Reader): FaultConfig {
  const delay = reader.message('delay');
  const abort = reader.message('abort');
  const config: FaultConfig = {
    delay: delay === null ? null : decodeDelay(delay),
    abort: abort === null ? null : decodeAbort(abort),
    headers: reader.messages('headers').map(decodeHeaderMatch),
    maxActive: reader.has('max_active_faults') ? reader.number('max_active_faults') : null,
  };
  reader.done();
  return config;
}

function decodeDelay(reader: Reader): FaultConfig['delay'] {
  const percentage = reader.message('percentage');
  const fixedMs = reader.ms('fixed_delay', 0);
  if (!reader.has('fixed_delay')) reader.refuse('fixed_delay', 'is needed');
  reader.done();
  return { fixedMs, percentage: percentage === null ? { numerator: 0, denominator: 100 } : decodeFraction(percentage) };
}

function decodeAbort(reader: Reader): FaultConfig['abort'] {
  const percentage = reader.message('percentage');
  const httpStatus = reader.has('http_status') ? reader.number('http_status') : null;
  const grpcStatus = reader.has('grpc_status') ? reader.number('grpc_status') : null;
  if (httpStatus !== null && (httpStatus < 200 || httpStatus > 599))
    reader.refuse('http_status', 'must be within 200 and 599');
  reader.done();
  return {
    httpStatus,
    grpcStatus,
    percentage: percentage === null ? { numerator: 0, denominator: 100 } : decodeFraction(percentage),
  };
}

/** `envoy.extensions.filters.http.cors.v3.CorsPolicy`. */
export function decodeCorsPolicy(reader: Reader): CorsConfig {
  const enabled = reader.message('filter_enabled');
  const config: CorsConfig = {
    allowOrigins: reader.messages('allow_origin_string_match').map(decodeStringMatch),
    allowMethods: reader.string('allow_methods'),
    allowHeaders: reader.string('allow_headers'),
    exposeHeaders: reader.string('expose_headers'),
    maxAge: reader.string('max_age'),
    allowCredentials: reader.has('allow_credentials') ? reader.bool('allow_credentials') : null,
    forwardNotMatchingPreflights: reader.bool('forward_not_matching_preflights', true),
    enabled: enabled === null ? { numerator: 100, denominator: 100 } : decodeRuntimeFraction(enabled),
  };
  reader.done();
  return config;
}
