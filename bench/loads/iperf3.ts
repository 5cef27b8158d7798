/** Octets as fast as they go: one TCP stream from iperf3 to its server. */
import { runTool } from '../processes/run-tool.ts';
import type { LoadResult } from './load-result.ts';

/** Sends for so many seconds. The count is megabytes that arrived. */
export async function runIperf3(
  port: number,
  load: Readonly<{ seconds: number }>,
  signal: AbortSignal,
): Promise<LoadResult> {
  const seconds = Math.max(1, Math.round(load.seconds));
  const args = ['-c', '127.0.0.1', '-p', `${port}`, '-t', `${seconds}`, '-J'];
  return parseIperf3(await runTool('iperf3', args, signal));
}

/** Reads iperf3's report. */
export function parseIperf3(output: string): LoadResult {
  const report = JSON.parse(output) as Report;
  const received = report.end?.sum_received;
  if (received === undefined) throw new Error(`iperf3 said: ${report.error ?? output}`);
  return { count: received.bytes / 1e6, seconds: received.seconds, latency: null, errors: report.error ?? '' };
}

type Report = Readonly<{
  error?: string;
  end?: Readonly<{ sum_received?: Readonly<{ bytes: number; seconds: number }> }>;
}>;
