import { pino, type Logger } from 'pino';

/** A service that listens. */
export type RunningService = Readonly<{ ports: Readonly<Record<string, number>>; close: () => Promise<void> }>;

/** The longest that a stop may take. */
const stopWithinMs = 1900;

/** A logger to stderr: stdout carries the one line that tells the ports. */
export function stderrLogger(name: string, level: string): Logger {
  return pino({ name, level }, pino.destination({ dest: 2, sync: true }));
}

/** Starts a service, prints where it listens as one line of JSON, and stops it on SIGTERM or SIGINT. Gives the exit code. */
export async function runService(start: () => Promise<RunningService>): Promise<number> {
  let service: RunningService;
  try {
    service = await start();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  process.stdout.write(`${JSON.stringify({ listening: service.ports })}\n`);
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  const { promise: late, resolve } = Promise.withResolvers<number>();
  const timer = setTimeout(() => resolve(1), stopWithinMs);
  const code = await Promise.race([service.close().then(() => 0), late]);
  clearTimeout(timer);
  return code;
}
