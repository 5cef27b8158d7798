import { durationMs } from '#shared/model/duration.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import { type HttpRule, stringMatcher } from '../route-match.ts';
import { nonEmpty, typed } from '../typed-builder.ts';
import { hundredths } from './percent.ts';

/** The CORS filter's settings of one route. */
export function corsConfig(rule: HttpRule): TypedObject | undefined {
  const policy = rule.corsPolicy;
  if (policy === undefined) {
    return undefined;
  }
  const origins =
    policy.allowOrigins?.map(stringMatcher) ?? (policy.allowOrigin ?? []).map((exact): TypedObject => ({ exact }));
  const joined = (names: readonly string[] | undefined): string | undefined => nonEmpty(names ?? [])?.join(',');
  return typed('envoy.extensions.filters.http.cors.v3.CorsPolicy', {
    allow_origin_string_match: nonEmpty(origins),
    allow_methods: joined(policy.allowMethods),
    allow_headers: joined(policy.allowHeaders),
    expose_headers: joined(policy.exposeHeaders),
    max_age: policy.maxAge === undefined ? undefined : String(Math.floor(durationMs(policy.maxAge) / 1000)),
    allow_credentials: policy.allowCredentials,
    filter_enabled: { default_value: hundredths(100) },
    forward_not_matching_preflights: policy.unmatchedPreflights !== 'IGNORE',
  });
}
