import type { HeaderMap } from '../http1/header-map.ts';
import type { ForwardAction } from '../snapshot/route.ts';

const unitMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

/** The milliseconds of a `grpc-timeout` (at most 8 digits and a unit), or null. */
export function parseGrpcTimeout(value: string): number | null {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value);
  if (match === null) return null;
  return Math.ceil(Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0));
}

/** How long the upstream of one attempt has: what is left of the timeout, or of the attempt's own if that is less; 0: no limit. */
export function expectedTimeoutMs(timeoutMs: number, perTryTimeoutMs: number, spentMs: number): number {
  const left = timeoutMs > 0 ? Math.max(1, timeoutMs - spentMs) : 0;
  if (perTryTimeoutMs === 0) return left;
  return left === 0 ? perTryTimeoutMs : Math.min(left, perTryTimeoutMs);
}

/** Tells a gRPC server the time that it really has. */
export function tellGrpcTimeout(headers: HeaderMap, ms: number): void {
  if (ms > 0) headers.set('grpc-timeout', `${Math.min(99_999_999, Math.round(ms))}m`);
}

/**
 * The timeout of an exchange, 0 for none: the route's, shortened (or, where it has none, set) by a gRPC client's own deadline as
 * far as the route honours it.
 */
export function effectiveTimeoutMs(action: ForwardAction, headers: HeaderMap, isGrpc: boolean): number {
  const asked = isGrpc && action.maxGrpcTimeoutMs !== null ? parseGrpcTimeout(headers.get('grpc-timeout') ?? '') : null;
  if (asked === null) return action.timeoutMs;
  const limit = action.maxGrpcTimeoutMs ?? 0;
  return limit > 0 ? Math.min(asked, limit) : asked;
}
