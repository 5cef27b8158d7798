import type { MeshConfig } from '#shared/model/mesh-config.ts';

/**
 * Where Tulle's defaults differ from Istio's, in one place. A proxy under `compat: istio` gets Istio's exact values; a value
 * that the user sets holds in both.
 *
 * - Retry conditions. Istio: connect-failure, refused-stream, unavailable, cancelled, retriable-status-codes. Tulle: also
 *   `reset-before-request`: a connection that died before a byte of the request left is safe to retry for any method.
 * - Concurrent retries. Istio: 2^32-1. Tulle: a budget of 20 percent of the active requests, at least 3: retries must not
 *   multiply the load of a failing service.
 * - Idle connections to the application. Istio: Envoy's 1 h (5 min for ports of no service). Tulle: 3 s, below the
 *   keep-alive of common servers (5 s in Node), so that none is reused in the moment in which the application closes it.
 * - `maxEjectionPercent` of an outlier detection that names none. Istio: Envoy's 10, by which nobody of fewer than ten is
 *   ever ejected. Tulle: 50, the half of any cluster and never its last endpoint.
 * - Hosts on a local port that a Sidecar's `egress` binds and that leads to one service. Istio: the service's names; others
 *   are unknown. Tulle: any, since an application that is told `localhost:8081` sends that as its Host.
 * - Time in which a connection must say what it speaks, where that decides. Istio: no limit (`protocolDetectionTimeout` 0), so that a
 *   client that waits for its server to speak first waits for ever. Tulle: 5 s, then it is plain TCP.
 * - Tries to connect a TCP connection. Istio: one. Tulle: three, each on an endpoint of its own if there is one. Not a byte of the client
 *   has been sent by then, so nothing can happen twice.
 */
export type Compat = 'tulle' | 'istio';

const istioRetryOn = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';

/** The conditions of the default retry policy. */
export function defaultRetryOn(compat: Compat): string {
  return compat === 'istio' ? istioRetryOn : `${istioRetryOn},reset-before-request`;
}

/** How long a connection to the application may be idle; `undefined` leaves the proxy's default. */
export function appIdleTimeout(compat: Compat): string | undefined {
  return compat === 'istio' ? undefined : '3s';
}

/** `max_ejection_percent` of an outlier detection that names none. */
export function defaultMaxEjectionPercent(compat: Compat): number | undefined {
  return compat === 'istio' ? undefined : 50;
}

/** The retry budget of a cluster whose rule limits retries in no way; `undefined` stands for no limit. */
export function defaultRetryBudget(
  compat: Compat,
): Readonly<{ percent: number; minRetryConcurrency: number }> | undefined {
  return compat === 'istio' ? undefined : { percent: 20, minRetryConcurrency: 3 };
}

/** `listener_filters_timeout`, in milliseconds; 0 stands for no limit. */
export function detectionTimeoutMs(compat: Compat, { protocolDetectionTimeoutMs }: MeshConfig): number {
  return protocolDetectionTimeoutMs ?? (compat === 'istio' ? 0 : 5000);
}

/** `max_connect_attempts` of TCP connections to other workloads; `undefined` leaves the proxy's default, one. */
export function connectAttempts(compat: Compat): number | undefined {
  return compat === 'istio' ? undefined : 3;
}
