import { fail, ok, type Problem, type Result } from '#shared/runtime/result.ts';
import type { AccessLog } from '../proxy/plan.ts';
import type { AccessLogConfig } from '../snapshot/listener.ts';
import { compileAccessLogFormat, compileFlagFilter } from '../telemetry/access-log.ts';
import type { AccessLogWriter } from '../telemetry/access-log-writer.ts';

/** One writer a path, shared by all listeners; owned by the composition root. */
export type LogWriters = Readonly<{ writer: (path: string) => AccessLogWriter }>;

const compiled = new WeakMap<AccessLogConfig, Result<AccessLog>>();

/** Compiles access logs, or says all that is wrong with their formats and filters. */
export function compileAccessLogs(
  configs: readonly AccessLogConfig[],
  writers: LogWriters,
): Result<readonly AccessLog[]> {
  const problems: Problem[] = [];
  const logs: AccessLog[] = [];
  for (const config of configs) {
    const result = compiled.get(config) ?? compileOne(config, writers);
    compiled.set(config, result);
    if (result.ok) logs.push(result.value);
    else problems.push(...result.problems);
  }
  return problems.length === 0 ? ok(logs) : fail(problems);
}

function compileOne(config: AccessLogConfig, writers: LogWriters): Result<AccessLog> {
  const format = compileAccessLogFormat(config.format, 'access_log');
  const filter = compileFlagFilter(config.onlyFlags);
  if (!format.ok) return format;
  if (!filter.ok) return filter;
  const line = format.value;
  const isLogged = filter.value;
  const writer = writers.writer(config.path);
  return ok({
    log(record) {
      if (isLogged(record)) writer.log(record, line);
    },
  });
}
