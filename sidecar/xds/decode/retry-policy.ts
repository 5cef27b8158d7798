import type { RetryPolicy } from '../../snapshot/route.ts';
import { decodeHeaderMatch } from './matchers.ts';
import type { Reader } from './reader.ts';

const knownConditions = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);

/** `envoy.config.route.v3.RetryPolicy`. Unknown conditions never fire, as in Envoy. */
export function decodeRetryPolicy(reader: Reader): RetryPolicy {
  const backOff = reader.message('retry_back_off');
  const baseIntervalMs = backOff?.ms('base_interval', 25) ?? 25;
  const maxIntervalMs = backOff?.ms('max_interval', baseIntervalMs * 10) ?? baseIntervalMs * 10;
  backOff?.done();
  const policy: RetryPolicy = {
    on: reader
      .string('retry_on')
      .split(',')
      .map((token) => token.trim())
      .filter((token) => knownConditions.has(token)),
    attempts: reader.number('num_retries', 1),
    perTryTimeoutMs: reader.ms('per_try_timeout', 0),
    retriableStatusCodes: reader.numbers('retriable_status_codes'),
    retriableHeaders: reader.messages('retriable_headers').map(decodeHeaderMatch),
    retriableRequestHeaders: reader.messages('retriable_request_headers').map(decodeHeaderMatch),
    avoidPreviousHosts: decodePredicates(reader),
    hostSelectionAttempts: reader.number('host_selection_retry_max_attempts', 1),
    baseIntervalMs,
    maxIntervalMs,
  };
  reader.mustBeUnset('per_try_idle_timeout').ignore('retry_priority').done();
  return policy;
}

/** Whether hosts that were tried are avoided. */
function decodePredicates(reader: Reader): boolean {
  let avoids = false;
  for (const predicate of reader.messages('retry_host_predicate')) {
    const name = predicate.string('name');
    if (name === 'envoy.retry_host_predicates.previous_hosts') avoids = true;
    else predicate.refuse('name', `retry predicate ${name} is not supported`);
    predicate.ignore('typed_config').done();
  }
  return avoids;
}
