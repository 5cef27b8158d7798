/** Compiles an HTTP connection manager: filters, access logs, hygiene. */
import { ok, type Result } from '#shared/runtime/result.ts';
import type { Random } from '#shared/runtime/random.ts';
import { HeaderHygiene, describeAttempt, mirrorHead } from '../filters/header-hygiene.ts';
import { compileFilters } from '../filters/order.ts';
import type { HttpHooks, HttpService } from '../proxy/plan.ts';
import { compileRouteTable } from '../routing/route-table.ts';
import type { HttpManager, ListenerConfig } from '../snapshot/listener.ts';
import { startSpan } from '../telemetry/tracing.ts';
import { compileAccessLogs, type LogWriters } from './access-logs.ts';

/** `compat`: whose defaults hold where a listener does not say. */
export type CompileTools = Readonly<{
  writers: LogWriters;
  random: Random;
  compat: 'tulle' | 'istio';
  isForwardProxy?: boolean | undefined;
}>;

/** The service of a manager, or everything that is wrong with it. */
export function compileHttpService(
  manager: HttpManager,
  direction: ListenerConfig['direction'],
  tools: CompileTools,
): Result<HttpService> {
  const filters = compileFilters(manager.filters, { xffTrustedHops: manager.xffTrustedHops });
  const table = manager.routes.kind === 'inline' ? compileRouteTable(manager.routes.table) : ok(null);
  const accessLogs = compileAccessLogs(manager.accessLogs, tools.writers);
  if (!filters.ok) return filters;
  if (!table.ok) return table;
  if (!accessLogs.ok) return accessLogs;
  return ok({
    manager,
    direction,
    isForwardProxy: tools.isForwardProxy ?? false,
    compat: tools.compat,
    table: table.value,
    filters: filters.value,
    accessLogs: accessLogs.value,
    hooks: makeHooks(manager, tools.random),
  });
}

function makeHooks(manager: HttpManager, random: Random): HttpHooks {
  const hygiene = new HeaderHygiene(manager);
  const { tracing } = manager;
  return {
    admit(head, connection, record) {
      const refusal = hygiene.prepareRequest(head, connection);
      if (tracing !== null) record.traceId = startSpan(head, tracing, random).context.traceId;
      return refusal;
    },
    mirror: mirrorHead,
    beforeAttempt(head, { attempt, tellsAttempt, expectedTimeoutMs }) {
      describeAttempt(head, { attempt: tellsAttempt ? attempt : null, expectedTimeoutMs });
    },
    beforeResponse(head, { upstreamMs }) {
      hygiene.finishResponse(head, upstreamMs);
      if (!head.headers.has('date')) head.headers.set('date', httpDate());
    },
  };
}

let dateSecond = 0;
let dateText = '';

/** The `Date` of now, made once a second (RFC 9110 6.6.1). */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
