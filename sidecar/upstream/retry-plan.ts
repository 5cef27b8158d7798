import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { HeaderMatch } from '../snapshot/matchers.ts';
import type { RetryPolicy } from '../snapshot/route.ts';

/** The conditions of `retry_on` as bits. */
export const retryOn = {
  '5xx': 1,
  'gateway-error': 2,
  reset: 4,
  'reset-before-request': 8,
  'connect-failure': 16,
  'envoy-ratelimited': 32,
  'retriable-4xx': 64,
  'refused-stream': 128,
  'retriable-status-codes': 256,
  'retriable-headers': 512,
  cancelled: 1024,
  'deadline-exceeded': 2048,
  'resource-exhausted': 4096,
  internal: 8192,
  unavailable: 16_384,
} as const;

/** A retry policy in the form that is cheap to ask. */
export type RetryPlan = Readonly<{
  conditions: number;
  /** Retries, the first attempt not counted. */
  attempts: number;
  statusCodes: ReadonlySet<number>;
  retriableHeaders: readonly ((head: ResponseHead) => boolean)[];
  /** If there are any, only requests that fulfil one of them are retried. */
  requestHeaders: readonly ((head: RequestHead) => boolean)[];
  baseIntervalMs: number;
  maxIntervalMs: number;
  /** Requests that may do something twice are retried only when provably nobody processed them. */
  safeMethodsOnly: boolean;
}>;

/** What compiling needs beside the policy. */
export type RetryPlanOptions = Readonly<{
  safeMethodsOnly: boolean;
  compileRequestHeader: (match: HeaderMatch) => (head: RequestHead) => boolean;
  compileResponseHeader: (match: HeaderMatch) => (head: ResponseHead) => boolean;
}>;

/** Compiles a policy. Words of `retry_on` that nobody knows mean nothing, as in Envoy. */
export function compileRetryPlan(policy: RetryPolicy, options: RetryPlanOptions): RetryPlan {
  return {
    conditions: toConditions(policy.on),
    attempts: policy.attempts,
    statusCodes: new Set(policy.retriableStatusCodes),
    retriableHeaders: policy.retriableHeaders.map(options.compileResponseHeader),
    requestHeaders: policy.retriableRequestHeaders.map(options.compileRequestHeader),
    baseIntervalMs: policy.baseIntervalMs,
    maxIntervalMs: policy.maxIntervalMs,
    safeMethodsOnly: options.safeMethodsOnly,
  };
}

/** The bits of these words. */
function toConditions(words: readonly string[]): number {
  let conditions = 0;
  for (const [word, bit] of Object.entries(retryOn)) if (words.includes(word)) conditions |= bit;
  return conditions;
}
