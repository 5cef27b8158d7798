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

/**
 * A first run, tried again when it is turned away: iperf3's server takes one test at a time, and a connection that looked whether the
 * port is open is one to it.
 */
export async function warmIperf3(...run: Parameters<typeof runIperf3>): Promise<void> {
  for (let triesLeft = 4; ; triesLeft--) {
    try {
      await runIperf3(...run);
      return;
    } catch (error) {
      if (triesLeft === 0 || run[2].aborted) throw error;
    }
  }
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
