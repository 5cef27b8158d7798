/**
 * How long an exchange may take, and what its upstream is told of it. Envoy has two rules, and a route has one of them:
 * `max_grpc_timeout` (FilterUtility::finalTimeout of source/common/router/router.cc), whose timeout begins when the whole request
 * is here, and `max_stream_duration` (ActiveStream::refreshDurationTimeout of conn_manager_impl.cc), which counts from the first
 * byte. A gRPC client counts its deadline from its call's begin, though, and its stream may never end: by Tulle's own
 * defaults the deadline that it asked for counts from there under both rules.
 */
import type { HeaderMap } from '../http1/header-map.ts';
import type { ForwardAction } from '../snapshot/route.ts';

const unitMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

/** The milliseconds of a `grpc-timeout` (at most 8 digits and a unit), or null. */
export function parseGrpcTimeout(value: string): number | null {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value);
  if (match === null) return null;
  return Math.ceil(Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0));
}

/** What is asked for by `grpc-timeout`, or null. */
function askedMs(headers: HeaderMap): number | null {
  const value = headers.get('grpc-timeout');
  return value === undefined ? null : parseGrpcTimeout(value);
}

/** Whether this route lets gRPC clients choose their timeout. */
function honoursGrpcTimeout(action: ForwardAction, isGrpc: boolean): boolean {
  return isGrpc && action.maxGrpcTimeoutMs !== null && action.streamDuration === null;
}

/**
 * The timeout of an exchange from the end of its request on, 0 for none: the route's, or for gRPC what the client asks for (0 and
 * nothing being for ever) up to the maximum, as far as the route honours that.
 */
export function effectiveTimeoutMs(action: ForwardAction, headers: HeaderMap, isGrpc: boolean): number {
  if (!honoursGrpcTimeout(action, isGrpc)) return action.timeoutMs;
  const asked = askedMs(headers) ?? 0;
  const limit = action.maxGrpcTimeoutMs ?? 0;
  return limit > 0 && (asked === 0 || asked > limit) ? limit : asked;
}

/** How long an exchange may last from its first byte on; -1: for ever, 0: its time is over already. */
export function deadlineMs(
  action: ForwardAction,
  headers: HeaderMap,
  { isGrpc, compat }: Readonly<{ isGrpc: boolean; compat: 'tulle' | 'istio' }>,
): number {
  const { streamDuration } = action;
  if (streamDuration === null)
    return compat === 'tulle' && honoursGrpcTimeout(action, isGrpc) ? (askedMs(headers) ?? -1) : -1;
  const { maxMs, grpcHeaderMaxMs, grpcHeaderOffsetMs } = streamDuration;
  const asked = grpcHeaderMaxMs === null ? null : askedMs(headers);
  if (asked === null || grpcHeaderMaxMs === null) return maxMs > 0 ? maxMs : -1;
  const capped = grpcHeaderMaxMs > 0 ? Math.min(asked, grpcHeaderMaxMs) : asked;
  return Math.max(0, capped - grpcHeaderOffsetMs);
}

/** How long the upstream of one attempt has: what is left of the timeout, or of the attempt's own if that is less; 0: no limit. */
export function expectedTimeoutMs(timeoutMs: number, perTryTimeoutMs: number, spentMs: number): number {
  const left = timeoutMs > 0 ? Math.max(1, timeoutMs - spentMs) : 0;
  if (perTryTimeoutMs === 0) return left;
  return left === 0 ? perTryTimeoutMs : Math.min(left, perTryTimeoutMs);
}

const mostDigits = 99_999_999;

/** Tells a gRPC server the time that it really has, 0 being for ever (Grpc::Common::toGrpcTimeout of Envoy). */
export function tellGrpcTimeout(headers: HeaderMap, action: ForwardAction, ms: number): void {
  if (ms > 0 && honoursGrpcTimeout(action, true)) headers.set('grpc-timeout', formatGrpcTimeout(ms));
}

/** In the smallest unit from milliseconds on of which 8 digits are enough. */
function formatGrpcTimeout(ms: number): string {
  const rounded = Math.round(ms);
  if (rounded <= mostDigits) return `${rounded}m`;
  const seconds = Math.floor(rounded / 1000);
  if (seconds <= mostDigits) return `${seconds}S`;
  const minutes = Math.floor(seconds / 60);
  return minutes <= mostDigits ? `${minutes}M` : `${Math.min(mostDigits, Math.floor(minutes / 60))}H`;
}
