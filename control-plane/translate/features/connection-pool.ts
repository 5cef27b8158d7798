import { durationMs } from '#shared/model/duration.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import { type Compat, defaultRetryBudget } from '../compat.ts';
import type { ConnectionPool, TrafficPolicy } from '../traffic-policy.ts';
import { compact, toDuration } from '../typed-builder.ts';

/** Istio's default of every threshold: no limit. */
const unlimited = 4_294_967_295;

/** `circuit_breakers` of a cluster. Zero is as good as unset. */
export function circuitBreakers(
  pool: ConnectionPool | undefined,
  compat: Compat,
  budget?: TrafficPolicy['retryBudget'],
): TypedObject {
  const http = pool?.http;
  const retryBudget = budget ?? (limit(http?.maxRetries) === undefined ? defaultRetryBudget(compat) : undefined);
  const threshold = compact({
    max_connections: limit(pool?.tcp?.maxConnections) ?? unlimited,
    max_pending_requests: limit(http?.http1MaxPendingRequests) ?? unlimited,
    max_requests: limit(http?.http2MaxRequests) ?? unlimited,
    max_retries: retryBudget === undefined ? (limit(http?.maxRetries) ?? unlimited) : undefined,
    retry_budget:
      retryBudget === undefined
        ? undefined
        : {
            budget_percent: { value: retryBudget.percent ?? 20 },
            min_retry_concurrency: retryBudget.minRetryConcurrency ?? 3,
          },
  });
  return { thresholds: [threshold] };
}

/** `common_http_protocol_options`: idle time, age and use of a connection; `undefined` when none is set. */
export function commonHttpOptions(pool: ConnectionPool | undefined, idleDefault?: string): TypedObject | undefined {
  const idle = duration(pool?.http?.idleTimeout ?? pool?.tcp?.idleTimeout) ?? idleDefault;
  const options = compact({
    idle_timeout: idle,
    max_requests_per_connection: limit(pool?.http?.maxRequestsPerConnection),
    max_connection_duration: duration(pool?.tcp?.maxConnectionDuration),
  });
  return Object.keys(options).length === 0 ? undefined : options;
}

/** `upstream_connection_options`: TCP keep-alive, when the rule asks for it. */
export function upstreamConnectionOptions(pool: ConnectionPool | undefined): TypedObject | undefined {
  const keepalive = pool?.tcp?.tcpKeepalive;
  if (keepalive === undefined) {
    return undefined;
  }
  const seconds = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Math.floor(durationMs(text) / 1000);
  return {
    tcp_keepalive: compact({
      keepalive_probes: limit(keepalive.probes),
      keepalive_time: seconds(keepalive.time),
      keepalive_interval: seconds(keepalive.interval),
    }),
  };
}

/** A duration of a resource in proto JSON. */
export function duration(text: string | undefined): string | undefined {
  return text === undefined ? undefined : toDuration(durationMs(text));
}

function limit(value: number | undefined): number | undefined {
  return value === undefined || value <= 0 ? undefined : value;
}
