import { parseDurationMs } from '#shared/model/duration.ts';
import { problem, type Problem } from '#shared/runtime/result.ts';
import type { Environment } from './node-metadata.ts';
import { jsonObject } from './values.ts';

/** Of ProxyConfig what the process itself goes by; flags win over it. Null: not said. */
export type PodProxyConfig = Readonly<{
  /** The whole of it: goes to the control plane. */
  message: Readonly<Record<string, unknown>>;
  discoveryAddress: string | null;
  concurrency: number | null;
  drainMs: number | null;
}>;

/** Reads `PROXY_CONFIG`, which is JSON. */
export function parseProxyConfig(text: Environment[string], problems: Problem[]): PodProxyConfig {
  const where = 'PROXY_CONFIG';
  const message = jsonObject(where, text, problems) ?? {};
  const { discoveryAddress, concurrency, terminationDrainDuration } = message;
  const wrong = (field: string, what: string) => {
    problems.push(problem(`${where}.${field}`, what));
    return null;
  };
  const drain = terminationDrainDuration === undefined ? null : parseDurationMs(String(terminationDrainDuration));
  return {
    message,
    discoveryAddress: typeof discoveryAddress === 'string' && discoveryAddress !== '' ? discoveryAddress : null,
    concurrency:
      concurrency === undefined || concurrency === null
        ? null
        : Number.isInteger(concurrency) && Number(concurrency) >= 0
          ? Number(concurrency)
          : wrong('concurrency', `${JSON.stringify(concurrency)} is not a number of threads`),
    drainMs:
      terminationDrainDuration === undefined || (drain !== null && drain >= 0)
        ? drain
        : wrong('terminationDrainDuration', `${JSON.stringify(terminationDrainDuration)} is not a duration`),
  };
}
