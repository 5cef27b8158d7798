import { grpcStatusNames } from '../../runtime/grpc-status-names.ts';
import type { Field } from './field.ts';
import type { Report } from './report.ts';
import { checkDuration, checkPercent, checkPercentage } from './scalar-rules.ts';

const grpcStatuses: ReadonlySet<string> = new Set(grpcStatusNames);

/** Istio's rules for `fault`. */
export function checkFault(fault: Field, report: Report): void {
  if (!fault.isObject) return;
  const [abort, delay] = [fault.get('abort'), fault.get('delay')];
  if (!abort.isSet && !delay.isSet) report.error(fault, 'HTTP fault injection must have an abort and/or a delay');
  if (abort.isObject) checkAbort(abort, report);
  checkPercentage(delay.get('percentage'), report);
  checkPercent(delay.get('percent'), report);
  checkDuration(delay.get('fixedDelay'), report);
  const exponentialDelay = delay.get('exponentialDelay');
  if (exponentialDelay.isSet) report.error(exponentialDelay, 'exponentialDelay not supported yet, use fixedDelay');
}

/** A status of HTTP that a proxy may answer with. */
export function checkHttpStatus(status: Field, report: Report): void {
  if (status.number < 200 || status.number > 599)
    report.error(status, `HTTP status ${status.number} is not in range 200-599`);
}

function checkAbort(abort: Field, report: Report): void {
  checkPercentage(abort.get('percentage'), report);
  const [http, grpc, http2] = [abort.get('httpStatus'), abort.get('grpcStatus'), abort.get('http2Error')];
  if (http.isSet) checkHttpStatus(http, report);
  if (grpc.isSet && !grpcStatuses.has(grpc.text))
    report.error(grpc, `gRPC status ${JSON.stringify(grpc.text)} is not supported, must be one such as NOT_FOUND`);
  if (http2.isSet) report.error(http2, 'HTTP/2 abort fault injection not supported yet, use httpStatus or grpcStatus');
  if (![http, grpc, http2].some(({ isSet }) => isSet)) report.warn(abort, 'abort configured, but error type not set');
}
