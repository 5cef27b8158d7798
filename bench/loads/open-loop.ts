/** Requests that come when they are due and not when the server has time: see open-loop-main.ts. */
import { resolve } from 'node:path';
import { runTool } from '../processes/run-tool.ts';
import type { LoadResult } from './load-result.ts';

export type OpenLoad = Readonly<{
  port: number;
  path: string;
  perSecond: number;
  connections: number;
  seconds: number;
}>;

/** Nothing of V8's in other threads, and few collections: what the generator does besides disturbs what it measures. */
const quietNode = ['--single-threaded-gc', '--no-opt', '--min-semi-space-size=32', '--max-semi-space-size=32'];

/** Loads a server at a fixed mean rate, with Poisson arrivals. */
export async function runOpenLoop(load: OpenLoad, signal: AbortSignal): Promise<LoadResult> {
  const { port, path, perSecond, connections, seconds } = load;
  const main = resolve(import.meta.dirname, 'open-loop-main.ts');
  const args = [...quietNode, main, ...[port, path, perSecond, connections, seconds].map(String)];
  return parseOpenLoop(await runTool(process.execPath, args, signal), seconds);
}

/** Reads the generator's line. More than a hundredth without an answer in time is an error. */
export function parseOpenLoop(output: string, seconds: number): LoadResult {
  const { count, p50Us, p99Us, p999Us, errors, unanswered } = JSON.parse(output) as Line;
  const told = [
    errors > 0 ? `${errors} answers other than 200` : '',
    unanswered > count / 100 ? `${unanswered} unanswered` : '',
  ];
  return { count, seconds, latency: { p50Us, p99Us, p999Us }, errors: told.filter((each) => each !== '').join(', ') };
}

type Line = Readonly<Record<'count' | 'p50Us' | 'p99Us' | 'p999Us' | 'errors' | 'unanswered', number>>;
