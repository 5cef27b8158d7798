import type { TypedObject } from '#shared/xds/typed.ts';
import { type RouteContext, routeTarget } from '../route-destination.ts';
import type { HttpRule } from '../route-match.ts';
import { hundredths, millionths } from './percent.ts';

/** `request_mirror_policies` of a route. Without a percentage everything is mirrored, at zero nothing. */
export function mirrorPolicies(context: RouteContext, rule: HttpRule): readonly TypedObject[] {
  const single = rule.mirror === undefined ? [] : [{ destination: rule.mirror, fraction: singleFraction(rule) }];
  const several = (rule.mirrors ?? []).map(({ destination, percentage }) => ({
    destination,
    fraction: percentage === undefined ? hundredths(100) : fraction(percentage.value ?? 0),
  }));
  return [...single, ...several].flatMap(({ destination, fraction: share }) =>
    share === undefined
      ? []
      : [
          {
            cluster: routeTarget(context, destination).cluster,
            runtime_fraction: { default_value: share },
            trace_sampled: false,
            disable_shadow_host_suffix_append: true,
          },
        ],
  );
}

function singleFraction(rule: HttpRule): TypedObject | undefined {
  if (rule.mirrorPercentage !== undefined) {
    return fraction(rule.mirrorPercentage.value ?? 0);
  }
  const percent = rule.mirrorPercent ?? rule.mirror_percent ?? 100;
  return percent > 0 ? hundredths(percent) : undefined;
}

function fraction(percent: number): TypedObject | undefined {
  return percent > 0 ? millionths(percent) : undefined;
}
