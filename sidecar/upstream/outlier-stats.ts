/** What outlier detection counts; the names are Envoy's under `outlier_detection.`. */
export type OutlierStats = Record<
  | 'ejections_active'
  | 'ejections_overflow'
  | 'ejections_enforced_total'
  | `ejections_${'enforced' | 'detected'}_${
      | 'consecutive_5xx'
      | 'consecutive_gateway_failure'
      | 'consecutive_local_origin_failure'
      | 'success_rate'
      | 'local_origin_success_rate'
      | 'failure_percentage'
      | 'local_origin_failure_percentage'}`,
  number
>;

/** All at nought. */
export function createOutlierStats(): OutlierStats {
  return {
    ejections_active: 0,
    ejections_overflow: 0,
    ejections_enforced_total: 0,
    ejections_enforced_consecutive_5xx: 0,
    ejections_enforced_consecutive_gateway_failure: 0,
    ejections_enforced_consecutive_local_origin_failure: 0,
    ejections_enforced_success_rate: 0,
    ejections_enforced_local_origin_success_rate: 0,
    ejections_enforced_failure_percentage: 0,
    ejections_enforced_local_origin_failure_percentage: 0,
    ejections_detected_consecutive_5xx: 0,
    ejections_detected_consecutive_gateway_failure: 0,
    ejections_detected_consecutive_local_origin_failure: 0,
    ejections_detected_success_rate: 0,
    ejections_detected_local_origin_success_rate: 0,
    ejections_detected_failure_percentage: 0,
    ejections_detected_local_origin_failure_percentage: 0,
  };
}
