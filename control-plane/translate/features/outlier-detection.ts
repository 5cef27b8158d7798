import type { TypedObject } from '#shared/xds/typed.ts';
import { type Compat, defaultMaxEjectionPercent } from '../compat.ts';
import type { OutlierDetection } from '../traffic-policy.ts';
import { compact } from '../typed-builder.ts';
import { duration } from './connection-pool.ts';

/**
 * `outlier_detection` of a cluster. Success rates never eject; consecutive errors do when their number is above zero. Left
 * out numbers keep Envoy's defaults (5 consecutive 5xx, gateway errors only counted).
 */
export function outlierDetection(outlier: OutlierDetection, compat: Compat): TypedObject {
  const { consecutive5xxErrors, consecutiveGatewayErrors, maxEjectionPercent = 0 } = outlier;
  return compact({
    consecutive_5xx: consecutive5xxErrors,
    enforcing_consecutive_5xx: enforcing(consecutive5xxErrors),
    consecutive_gateway_failure: consecutiveGatewayErrors,
    enforcing_consecutive_gateway_failure: enforcing(consecutiveGatewayErrors),
    interval: duration(outlier.interval),
    base_ejection_time: duration(outlier.baseEjectionTime),
    max_ejection_percent: maxEjectionPercent > 0 ? maxEjectionPercent : defaultMaxEjectionPercent(compat),
    enforcing_success_rate: 0,
    ...localOrigin(outlier),
  });
}

function localOrigin(outlier: OutlierDetection): TypedObject {
  if (outlier.splitExternalLocalOriginErrors !== true) {
    return {};
  }
  const failures = outlier.consecutiveLocalOriginFailures ?? 0;
  return {
    split_external_local_origin_errors: true,
    ...(failures > 0
      ? { consecutive_local_origin_failure: failures, enforcing_consecutive_local_origin_failure: 100 }
      : {}),
    enforcing_local_origin_success_rate: 0,
  };
}

function enforcing(errors: number | undefined): number | undefined {
  return errors === undefined ? undefined : Math.min(errors * 100, 100);
}
