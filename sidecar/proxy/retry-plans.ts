import type { RequestHead, ResponseHead } from '../http1/message.ts';
import { compileHeaderMatch } from '../routing/match.ts';
import type { HeaderMatch } from '../snapshot/matchers.ts';
import type { RetryPolicy } from '../snapshot/route.ts';
import { compileRetryPlan, type RetryPlan } from '../upstream/retry-plan.ts';

const plans = { tulle: new WeakMap<RetryPolicy, RetryPlan>(), istio: new WeakMap<RetryPolicy, RetryPlan>() };

/**
 * The compiled form of a policy, made once. Under Tulle's own defaults only requests that may be repeated are retried after a
 * peer may have seen them; under `istio` the policy alone decides.
 */
export function retryPlanOf(policy: RetryPolicy, compat: 'tulle' | 'istio'): RetryPlan {
  const known = plans[compat].get(policy);
  if (known !== undefined) return known;
  const scope = { path: 'retry_policy', problems: [] };
  const plan = compileRetryPlan(policy, {
    safeMethodsOnly: compat === 'tulle',
    compileRequestHeader: (match) => compileHeaderMatch(match, scope),
    compileResponseHeader: (match) => compileResponseMatch(match),
  });
  plans[compat].set(policy, plan);
  return plan;
}

/** Response headers are matched as a request's are; a response has no pseudo-headers. */
function compileResponseMatch(match: HeaderMatch): (head: ResponseHead) => boolean {
  const matches = compileHeaderMatch(match, { path: 'retry_policy', problems: [] });
  return ({ headers, status }) => matches({ ...emptyRequest, path: String(status), headers });
}

const emptyRequest: Omit<RequestHead, 'headers'> = {
  method: '',
  path: '',
  authority: '',
  scheme: '',
  version: 'HTTP/1.1',
  upgrade: null,
  contentLength: 0,
  expectsContinue: false,
  isAbsoluteForm: false,
};
