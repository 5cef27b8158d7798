import { STATUS_CODES } from '#shared/runtime/node-http.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import { type Compat, defaultRetryOn } from './compat.ts';
import { duration } from './features/connection-pool.ts';
import { compact, nonEmpty, typed } from './typed-builder.ts';
import type { HttpRule } from './route-match.ts';

const previousHosts: TypedObject = {
  name: 'envoy.retry_host_predicates.previous_hosts',
  typed_config: typed('envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'),
};

const previousPriorities: TypedObject = {
  name: 'envoy.retry_priorities.previous_priorities',
  typed_config: typed('envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig', {
    update_frequency: 2,
  }),
};

/**
 * `retry_policy` of an outbound route: what the rule says over the default. `attempts: 0` switches retries off. Retries go
 * to endpoints not tried yet, unless a hash ties the request to one.
 */
export function retryPolicy(retries: HttpRule['retries'], compat: Compat, isHashed: boolean): TypedObject | undefined {
  if (retries !== undefined && (retries.attempts ?? 0) <= 0) {
    return undefined;
  }
  const { conditions, codes } = retryConditions(retries?.retryOn ?? '', compat);
  const avoidsTried = retries?.retryIgnorePreviousHosts ?? !isHashed;
  const backoff = duration(retries?.backoff);
  return compact({
    retry_on: conditions,
    num_retries: retries?.attempts ?? 2,
    per_try_timeout: duration(retries?.perTryTimeout),
    retry_priority: retries?.retryRemoteLocalities === true ? previousPriorities : undefined,
    retry_host_predicate: avoidsTried ? [previousHosts] : undefined,
    host_selection_retry_max_attempts: 5,
    retriable_status_codes: nonEmpty(codes),
    retry_back_off: backoff === undefined ? undefined : { base_interval: backoff },
  });
}

/** Conditions and status codes, which share one list in the API. */
function retryConditions(retryOn: string, compat: Compat): Readonly<{ conditions: string; codes: readonly number[] }> {
  if (retryOn === '') {
    return { conditions: defaultRetryOn(compat), codes: [] };
  }
  const parts = retryOn
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const codes = parts.filter((part) => STATUS_CODES[part] !== undefined).map(Number);
  const conditions = parts.filter((part) => STATUS_CODES[part] === undefined);
  const needsCodes = codes.length > 0 && !conditions.includes('retriable-status-codes');
  return { conditions: [...conditions, ...(needsCodes ? ['retriable-status-codes'] : [])].join(','), codes };
}
