/** HTTP/1.1, closed loop: each request of a connection follows the answer before it, so latencies are those of a saturated server. */
import { runTool } from '../processes/run-tool.ts';
import { microseconds, type LoadResult } from './load-result.ts';

export type WrkLoad = Readonly<{
  port: number;
  path: string;
  connections: number;
  seconds: number;
  headers: readonly string[];
}>;

/** Loads a server from all connections at once. */
export async function runWrk(load: WrkLoad, signal: AbortSignal): Promise<LoadResult> {
  const { port, path, connections, headers } = load;
  const seconds = Math.max(1, Math.round(load.seconds));
  const flags = ['-t1', `-c${connections}`, `-d${seconds}`, '--latency', ...headers.flatMap((line) => ['-H', line])];
  return parseWrk(await runTool('wrk', [...flags, `http://127.0.0.1:${port}${path}`], signal));
}

/** Reads wrk's report. It takes a little longer than it was told, and says so. */
export function parseWrk(output: string): LoadResult {
  const [, requests, elapsed] = /(\d+) requests in (\S+),/.exec(output) ?? [];
  const p50 = /\n\s+50%\s+(\S+)/.exec(output)?.[1];
  const p99 = /\n\s+99%\s+(\S+)/.exec(output)?.[1];
  if (requests === undefined || elapsed === undefined || p50 === undefined || p99 === undefined)
    throw new Error(`wrk said:\n${output}`);
  const errors = [/Non-2xx or 3xx responses: \d+/.exec(output)?.[0], /Socket errors.*/.exec(output)?.[0]];
  return {
    count: Number(requests),
    seconds: microseconds(elapsed) / 1e6,
    latency: { p50Us: microseconds(p50), p99Us: microseconds(p99) },
    errors: errors.filter((each) => each !== undefined).join(', '),
  };
}
