import { STATUS_CODES } from '../../runtime/node-http.ts';
import type { Field } from './field.ts';
import type { Report } from './report.ts';
import { checkDuration, checkNonNegative } from './scalar-rules.ts';

/** What `retryOn` may name besides status codes. */
const retryPolicies: ReadonlySet<string> = new Set(
  (
    '5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream ' +
    'retriable-status-codes retriable-headers envoy-ratelimited http3-post-connect-failure ' +
    'cancelled deadline-exceeded internal resource-exhausted unavailable'
  ).split(' '),
);

/** Istio's rules for `retries`. */
export function checkRetries(retries: Field, report: Report): void {
  if (!retries.isObject) return;
  const attempts = retries.get('attempts');
  checkNonNegative(attempts, report);
  const isConfigured =
    retries.get('perTryTimeout').isSet ||
    retries.get('retryOn').text !== '' ||
    retries.get('retryRemoteLocalities').isSet;
  if (attempts.number === 0 && isConfigured)
    report.error(attempts, 'http retry policy configured when attempts are set to 0 (disabled)');
  checkDuration(retries.get('perTryTimeout'), report);
  checkDuration(retries.get('backoff'), report);
  checkRetryOn(retries.get('retryOn'), report);
}

function checkRetryOn(retryOn: Field, report: Report): void {
  if (retryOn.text === '') return;
  for (const policy of retryOn.text.split(',')) {
    if (!retryPolicies.has(policy) && !isStatusCode(policy))
      report.error(retryOn, `${JSON.stringify(policy)} is not a valid retryOn policy`);
  }
}

function isStatusCode(policy: string): boolean {
  return /^\d{3}$/.test(policy) && STATUS_CODES[policy] !== undefined;
}
