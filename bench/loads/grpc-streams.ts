/** Messages back and forth on long-lived gRPC streams, with grpc-js at both ends: see grpc-streams-main.ts. */
import { resolve } from 'node:path';
import { runTool } from '../processes/run-tool.ts';
import type { LoadResult } from './load-result.ts';
import { parseOpenLoop } from './open-loop.ts';

export type StreamsLoad = Readonly<{ port: number; connections: number; streams: number; seconds: number }>;

/** Counts messages that came back. */
export async function runGrpcStreams(load: StreamsLoad, signal: AbortSignal): Promise<LoadResult> {
  const { port, connections, streams, seconds } = load;
  const main = resolve(import.meta.dirname, 'grpc-streams-main.ts');
  const args = [main, ...[port, connections, streams, seconds].map(String)];
  return parseOpenLoop(await runTool(process.execPath, args, signal), seconds);
}
