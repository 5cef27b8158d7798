import { grpcStatusNames } from '#shared/runtime/grpc-status-names.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import type { HttpRule } from '../route-match.ts';
import { compact, typed } from '../typed-builder.ts';
import { duration } from './connection-pool.ts';
import { hundredths, millionths } from './percent.ts';

type Percentage = Readonly<{ value?: number }>;
type Fault = Readonly<{
  delay?: Readonly<{ fixedDelay?: string; percent?: number; percentage?: Percentage }>;
  abort?: Readonly<{ httpStatus?: number; grpcStatus?: string; percentage?: Percentage }>;
}>;

/** The fault filter's settings of one route; `undefined` when nothing can happen. A fault without percentage never happens. */
export function faultConfig(rule: HttpRule): TypedObject | undefined {
  const { delay, abort }: Fault = rule.fault ?? {};
  const fields = compact({ delay: delayConfig(delay), abort: abortConfig(abort) });
  return Object.keys(fields).length === 0
    ? undefined
    : typed('envoy.extensions.filters.http.fault.v3.HTTPFault', fields);
}

function delayConfig(delay: Fault['delay']): TypedObject | undefined {
  if (delay?.fixedDelay === undefined) {
    return undefined;
  }
  const { percentage, percent = 0 } = delay;
  return compact({
    fixed_delay: duration(delay.fixedDelay),
    percentage: percentage === undefined ? hundredths(percent) : millionths(percentage.value ?? 0),
  });
}

function abortConfig(abort: Fault['abort']): TypedObject | undefined {
  const grpcStatus = abort?.grpcStatus === undefined ? undefined : grpcCode(abort.grpcStatus);
  if (abort?.httpStatus === undefined && grpcStatus === undefined) {
    return undefined;
  }
  return compact({
    http_status: abort?.httpStatus,
    grpc_status: grpcStatus,
    percentage: abort?.percentage === undefined ? undefined : millionths(abort.percentage.value ?? 0),
  });
}

function grpcCode(status: string): number | undefined {
  const code = grpcStatusNames.indexOf(status.toUpperCase());
  return code < 0 ? undefined : code;
}
