import { spawn } from 'node:child_process';

/** What the load generator saw. `errors`: answers other than 2xx and 3xx, and broken connections; empty if none. */
export type LoadResult = Readonly<{ requests: number; p50Us: number; p99Us: number; errors: string }>;

/** Loads a server from all connections at once for so many seconds, each request following the answer before it. */
export async function runWrk(port: number, connections: number, seconds: number): Promise<LoadResult> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}`, '--latency', `http://127.0.0.1:${port}/`];
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const end = await new Promise<string | number | null>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => done(signal ?? code));
  });
  if (end !== 0) throw new Error(`wrk ended with ${end}:\n${output}`);
  return parseWrk(output);
}

/** Reads wrk's report. */
export function parseWrk(output: string): LoadResult {
  const requests = /(\d+) requests in/.exec(output)?.[1];
  const p50 = /\n\s+50%\s+(\S+)/.exec(output)?.[1];
  const p99 = /\n\s+99%\s+(\S+)/.exec(output)?.[1];
  if (requests === undefined || p50 === undefined || p99 === undefined) throw new Error(`wrk said:\n${output}`);
  const errors = [/Non-2xx or 3xx responses: \d+/.exec(output)?.[0], /Socket errors.*/.exec(output)?.[0]];
  return {
    requests: Number(requests),
    p50Us: microseconds(p50),
    p99Us: microseconds(p99),
    errors: errors.filter((each) => each !== undefined).join(', '),
  };
}

function microseconds(text: string): number {
  const match = /^([\d.]+)(us|ms|s)$/.exec(text);
  if (match === null) throw new Error(`wrk said ${text} for a time`);
  const [, value, unit] = match;
  return Number(value) * (unit === 'us' ? 1 : unit === 'ms' ? 1000 : 1e6);
}
