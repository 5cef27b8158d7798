/**
 * What hooks of a pod run beside the sidecar: `wait` (postStart: the application is held until the sidecar is ready) and `drain` (preStop).
 * They are processes of their own that must be there at once, so nothing of the sidecar is loaded here.
 */
import { parseArgs } from 'node:util';
import { request } from '#shared/runtime/node-http.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a command says and with which code it ends. */
export type CommandEnd = Readonly<{ exitCode: number; says: string }>;

const usages = {
  wait: `sidecar wait [--timeout-seconds N] [--port N]

Ends with 0 as soon as the sidecar of this pod is ready, with 1 if it is not in time.

  --timeout-seconds N   how long to wait (default 60)
  --port N              its readiness port on this host (default 15021; environment: TULLE_READINESS_PORT)
`,
  drain: `sidecar drain [--timeout-seconds N] [--port N]

Tells the sidecar of this pod that the pod is about to end: its callers are told to go elsewhere, and it goes on. Ends with 0 when it has
been told, with 1 if it could not be.

  --timeout-seconds N   how long to wait for its answer (default 5)
  --port N              its status port on this host (default 15020; environment: TULLE_STATUS_PORT)
`,
};

type Name = keyof typeof usages;
const options = {
  'timeout-seconds': { type: 'string' },
  port: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const lookEveryMs = 250;

/** Runs the command that the first argument names; null: it names none, and is the sidecar's own. */
export function podCommand(args: readonly string[], environment: Environment): Promise<CommandEnd> | null {
  const [name, ...rest] = args;
  return name === 'wait' || name === 'drain' ? run(name, rest, environment) : null;
}

async function run(name: Name, args: readonly string[], environment: Environment): Promise<CommandEnd> {
  const usage = usages[name];
  let values: { 'timeout-seconds'?: string | undefined; port?: string | undefined; help?: boolean | undefined };
  try {
    ({ values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false }));
  } catch (error) {
    return { exitCode: 64, says: `${error instanceof Error ? error.message : String(error)}\n\n${usage}` };
  }
  if (values.help === true) return { exitCode: 0, says: usage };
  const isWait = name === 'wait';
  const port = Number(
    values.port ?? environment[isWait ? 'TULLE_READINESS_PORT' : 'TULLE_STATUS_PORT'] ?? (isWait ? 15_021 : 15_020),
  );
  const seconds = Number(values['timeout-seconds'] ?? (isWait ? 60 : 5));
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    return { exitCode: 64, says: `--port: ${values.port ?? 'of the environment'} is not a port\n\n${usage}` };
  if (!(seconds >= 0))
    return { exitCode: 64, says: `--timeout-seconds: ${values['timeout-seconds']} is not a number\n\n${usage}` };
  return isWait ? wait(port, seconds * 1000) : drain(port, seconds * 1000);
}

async function wait(port: number, timeoutMs: number): Promise<CommandEnd> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const leftMs = Math.max(1, end - performance.now());
    const { status, says } = await ask({ port, method: 'GET', path: '/healthz/ready', timeoutMs: leftMs });
    if (status === 200) return { exitCode: 0, says: '' };
    if (performance.now() + lookEveryMs >= end)
      return { exitCode: 1, says: `the sidecar is not ready after ${timeoutMs / 1000} s: ${says}` };
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

async function drain(port: number, timeoutMs: number): Promise<CommandEnd> {
  const { status, says } = await ask({ port, method: 'POST', path: '/drain', timeoutMs });
  return status === 200
    ? { exitCode: 0, says: '' }
    : { exitCode: 1, says: `the sidecar was not told to drain: ${says}` };
}

type Question = Readonly<{ port: number; method: string; path: string; timeoutMs: number }>;

/** Status 0: nobody answered. */
function ask({ port, method, path, timeoutMs }: Question): Promise<Readonly<{ status: number; says: string }>> {
  return new Promise((resolve) => {
    const call = request({ host: '127.0.0.1', port, method, path, agent: false });
    const timer = setTimeout(() => call.destroy(new Error(`no answer in ${Math.round(timeoutMs)} ms`)), timeoutMs);
    const done = (status: number, says: string) => {
      clearTimeout(timer);
      resolve({ status, says: says.trim() });
    };
    call.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () =>
        done(response.statusCode ?? 0, body === '' ? `it answered ${response.statusCode}` : body),
      );
      response.on('error', (error) => done(0, error.message));
    });
    call.on('error', (error) => done(0, error.message));
    call.end();
  });
}
