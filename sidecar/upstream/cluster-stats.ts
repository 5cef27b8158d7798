/**
 * What a cluster counts; the names are Envoy's cluster statistics. Plain numbers: the pool keeps the connections' and the pending
 * requests', the attempt the rest. Rendered by the admin API's `/clusters` and `/stats`.
 */
export type ClusterStats = ReturnType<typeof createClusterStats>;

/** All at nought; gauges first. The shape never changes. */
export function createClusterStats() {
  return {
    upstream_cx_active: 0,
    upstream_rq_active: 0,
    upstream_rq_pending_active: 0,
    membership_total: 0,
    membership_healthy: 0,
    membership_degraded: 0,
    membership_change: 0,
    lb_healthy_panic: 0,
    upstream_cx_total: 0,
    upstream_cx_http1_total: 0,
    upstream_cx_http2_total: 0,
    upstream_cx_connect_fail: 0,
    upstream_cx_connect_timeout: 0,
    upstream_cx_overflow: 0,
    upstream_cx_destroy: 0,
    upstream_cx_destroy_with_active_rq: 0,
    upstream_cx_idle_timeout: 0,
    upstream_cx_max_duration_reached: 0,
    upstream_cx_max_requests: 0,
    upstream_cx_none_healthy: 0,
    upstream_cx_rx_bytes_total: 0,
    upstream_cx_tx_bytes_total: 0,
    upstream_rq_total: 0,
    upstream_rq_completed: 0,
    upstream_rq_2xx: 0,
    upstream_rq_3xx: 0,
    upstream_rq_4xx: 0,
    upstream_rq_5xx: 0,
    upstream_rq_pending_total: 0,
    upstream_rq_pending_overflow: 0,
    upstream_rq_pending_failure_eject: 0,
    upstream_rq_cancelled: 0,
    upstream_rq_timeout: 0,
    upstream_rq_per_try_timeout: 0,
    upstream_rq_rx_reset: 0,
    upstream_rq_tx_reset: 0,
    upstream_rq_retry: 0,
    upstream_rq_retry_success: 0,
    upstream_rq_retry_limit_exceeded: 0,
    upstream_rq_retry_overflow: 0,
    upstream_rq_retry_backoff_exponential: 0,
    update_attempt: 0,
    update_success: 0,
    update_failure: 0,
  };
}
