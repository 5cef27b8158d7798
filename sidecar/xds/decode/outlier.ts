import type { OutlierConfig } from '../../snapshot/cluster.ts';
import type { Reader } from './reader.ts';

/** `envoy.config.cluster.v3.OutlierDetection`, with Envoy's defaults. */
export function decodeOutlier(reader: Reader): OutlierConfig {
  const baseEjectionTimeMs = reader.ms('base_ejection_time', 30_000);
  const outlier: OutlierConfig = {
    consecutive5xx: reader.number('consecutive_5xx', 5),
    enforcingConsecutive5xx: reader.number('enforcing_consecutive_5xx', 100),
    consecutiveGatewayFailure: reader.number('consecutive_gateway_failure', 5),
    enforcingConsecutiveGatewayFailure: reader.number('enforcing_consecutive_gateway_failure', 0),
    consecutiveLocalOriginFailure: reader.number('consecutive_local_origin_failure', 5),
    enforcingConsecutiveLocalOriginFailure: reader.number('enforcing_consecutive_local_origin_failure', 100),
    intervalMs: reader.ms('interval', 10_000),
    baseEjectionTimeMs,
    maxEjectionTimeMs: reader.ms('max_ejection_time', Math.max(300_000, baseEjectionTimeMs)),
    maxEjectionTimeJitterMs: reader.ms('max_ejection_time_jitter', 0),
    maxEjectionPercent: reader.number('max_ejection_percent', 10),
    alwaysEjectOneHost: reader.bool('always_eject_one_host'),
    splitExternalLocalOriginErrors: reader.bool('split_external_local_origin_errors'),
    successRateMinimumHosts: reader.number('success_rate_minimum_hosts', 5),
    successRateRequestVolume: reader.number('success_rate_request_volume', 100),
    successRateStdevFactor: reader.number('success_rate_stdev_factor', 1900),
    enforcingSuccessRate: reader.number('enforcing_success_rate', 100),
    failurePercentageThreshold: reader.number('failure_percentage_threshold', 85),
    failurePercentageMinimumHosts: reader.number('failure_percentage_minimum_hosts', 5),
    failurePercentageRequestVolume: reader.number('failure_percentage_request_volume', 50),
    enforcingFailurePercentage: reader.number('enforcing_failure_percentage', 0),
  };
  reader.ignore('enforcing_failure_percentage_local_origin', 'enforcing_local_origin_success_rate');
  reader.ignore('successful_active_health_check_uneject_host').done();
  return outlier;
}
