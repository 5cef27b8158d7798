/** Unary calls as gRPC makes them: HTTP/2 POST with a small body, answered by a small body and trailers. Closed loop. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unary } from '../peers/backends.ts';
import { runTool } from '../processes/run-tool.ts';
import { quantileOf } from '../summary.ts';
import type { LoadResult } from './load-result.ts';

export type UnaryLoad = Readonly<{
  port: number;
  connections: number;
  streams: number;
  seconds: number;
  folder: string;
}>;

/** Keeps so many calls going on each connection. */
export async function runH2load(load: UnaryLoad, signal: AbortSignal): Promise<LoadResult> {
  const { port, connections, streams, folder } = load;
  const seconds = Math.max(1, Math.round(load.seconds));
  const body = join(folder, 'call.bin');
  const log = join(folder, 'h2load.log');
  writeFileSync(body, Buffer.alloc(unary.requestBytes));
  rmSync(log, { force: true });
  const flags = ['-t1', `-c${connections}`, `-m${streams}`, `-D${seconds}`, '--warm-up-time=0', `--log-file=${log}`];
  const call = ['-d', body, '-H', 'content-type: application/grpc', '-H', 'te: trailers'];
  const url = `http://127.0.0.1:${port}${unary.path}`;
  const { count, errors } = parseH2load(await runTool('h2load', [...flags, ...call, url], signal));
  return { count, seconds, errors, latency: count === 0 ? null : latencyOf(readFileSync(log, 'latin1')) };
}

/** Reads h2load's report: calls done, and those that failed. */
export function parseH2load(output: string): Readonly<{ count: number; errors: string }> {
  const requests = /requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed, (\d+) errored/.exec(
    output,
  );
  const statuses = /status codes: .*/.exec(output)?.[0] ?? '';
  if (requests === null) throw new Error(`h2load said:\n${output}`);
  const [, succeeded, failed, errored] = requests;
  const isClean = Number(failed) === 0 && Number(errored) === 0;
  return { count: Number(succeeded), errors: isClean ? '' : `${failed} failed, ${errored} errored; ${statuses}` };
}

/** Latencies of h2load's log: a line for each call, `start, status, microseconds`. */
export function latencyOf(log: string): Readonly<{ p50Us: number; p99Us: number; p999Us: number }> {
  const lines = log.split('\n').filter((line) => line !== '');
  const sorted = Float64Array.from(lines, (line) => Number(line.slice(line.lastIndexOf('\t') + 1))).sort();
  return { p50Us: quantileOf(sorted, 0.5), p99Us: quantileOf(sorted, 0.99), p999Us: quantileOf(sorted, 0.999) };
}
