import { Buffer } from 'node:buffer';
import { hashKeyOf } from '../routing/hash-key.ts';
import type { ForwardAction, RetryPolicy } from '../snapshot/route.ts';
import { xxHash64 } from '../upstream/balancers/xxhash64.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { RetryState } from '../upstream/retry-state.ts';
import type { ForwardOwner } from './forward.ts';
import { retryPlanOf } from './retry-plans.ts';

/** The hash of what the route's hash policies name, null without; the answer may set a cookie for it. */
export function hashOf({ hashPolicies }: ForwardAction, owner: ForwardOwner): bigint | null {
  const { request, host, stream } = owner;
  const { remoteAddress } = stream.connection;
  const { key, setCookie } = hashKeyOf(hashPolicies, { head: request, remoteAddress, random: host.random });
  if (setCookie !== null) owner.setAffinityCookie(setCookie);
  return key === null ? null : xxHash64(Buffer.from(key, 'latin1'));
}

/** What decides about retries of this exchange. */
export function openRetry(
  policy: RetryPolicy,
  { request, service, host }: ForwardOwner,
  cluster: Cluster,
  priority: 'default' | 'high',
): RetryState {
  const context = {
    plan: retryPlanOf(policy, service.compat),
    breaker: cluster.breakers[priority],
    stats: cluster.stats,
    random: host.random,
  };
  return new RetryState(context, request);
}
