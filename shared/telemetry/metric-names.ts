/** Istio's standard metrics, by the names that dashboards know. */
export const metricNames = {
  requests: 'istio_requests_total',
  requestDuration: 'istio_request_duration_milliseconds',
  requestBytes: 'istio_request_bytes',
  responseBytes: 'istio_response_bytes',
  requestMessages: 'istio_request_messages_total',
  responseMessages: 'istio_response_messages_total',
  tcpSent: 'istio_tcp_sent_bytes_total',
  tcpReceived: 'istio_tcp_received_bytes_total',
  tcpOpened: 'istio_tcp_connections_opened_total',
  tcpClosed: 'istio_tcp_connections_closed_total',
  build: 'istio_build',
} as const;

/** Labels of a request that are fixed for a pair of workloads, in Istio's order. */
export const pairLabelNames = [
  'reporter',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_service_name',
  'destination_service_namespace',
  'destination_cluster',
] as const;

/** A label that is fixed for a pair of workloads. */
export type PairLabelName = (typeof pairLabelNames)[number];

/** Labels of an HTTP or gRPC request, in Istio's order. */
export const requestLabelNames = [
  ...pairLabelNames,
  'request_protocol',
  'response_code',
  'grpc_response_status',
  'response_flags',
  'connection_security_policy',
] as const;

/** Labels of a TCP connection, in Istio's order. */
export const tcpLabelNames = [
  ...pairLabelNames,
  'request_protocol',
  'response_flags',
  'connection_security_policy',
] as const;

/** Upper bounds of the buckets of Istio's histograms; one more bucket takes the rest. */
export const histogramBounds: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];
