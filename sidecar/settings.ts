/** The flags and environment of the sidecar. The only file of this component that reads the environment. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';
import { parseFlags, type Flags } from './settings/flags.ts';
import { parseMeshed, type MeshedSettings } from './settings/meshed.ts';
import type { Environment } from './settings/node-metadata.ts';
import { parsePod, type Pod, type ReadText } from './settings/pod.ts';
import { hostPort, number, oneOf, threads } from './settings/values.ts';

/** Settings of a sidecar that gets its configuration from a bootstrap file. */
export type StaticSettings = Readonly<{ kind: 'static'; configPath: string; compat: 'tulle' | 'istio' }>;

export type Settings = (MeshedSettings | StaticSettings) &
  Readonly<{
    admin: HostPort;
    readiness: HostPort;
    /** Null: no such port. */
    status: HostPort | null;
    /** Null: no such port. */
    metrics: HostPort | null;
    drainMs: number;
    /** From SIGTERM to the end, at most, of a sidecar in a pod. */
    terminationMs: number;
    /** How long a successor may take until it serves. */
    upgradeMs: number;
    /** How long connections may last once it does. */
    upgradeDrainMs: number;
    logLevel: string;
    transport: 'direct' | 'streams';
    /** Threads that carry traffic; 0: one for each processor; null: as many as fit. */
    concurrency: number | null;
  }>;

const transports = ['direct', 'streams'] as const;
const logLevels = ['trace', 'debug', 'info', 'warn', 'error'];

/** The environment of this process, for what it starts. */
export function ownEnvironment(): Environment {
  return process.env;
}

/** Reads flags, environment and files of the pod, all problems at once; `help` when that was asked for. */
export function parseSettings(
  args: readonly string[],
  environment: Environment = process.env,
  read: ReadText = readText,
): Result<Settings | 'help'> {
  let flags: Flags;
  try {
    flags = parseFlags(args);
  } catch (error) {
    return fail([problem('', error instanceof Error ? error.message : String(error))]);
  }
  if (flags.help === true) return ok('help');
  const problems: Problem[] = [];
  const statusPort = flags.status === undefined ? null : hostPort('--status', flags.status, problems).port;
  const pod = flags.pod === true ? parsePod(environment, statusPort ?? 15_020, read, problems) : null;
  if (pod !== null && flags['config-path'] !== undefined)
    problems.push(problem('--pod', 'gets its configuration from a control plane, not from --config-path'));
  if (pod === null && flags['end-with-application'] === true)
    problems.push(problem('--end-with-application', 'is for --pod'));
  const common = parseCommon(flags, { environment, pod }, problems);
  const from = environment['INIT_CWD'] ?? process.cwd();
  const settings: Settings =
    flags['config-path'] === undefined
      ? { ...common, ...parseMeshed(flags, { environment, from, pod }, problems) }
      : {
          ...common,
          kind: 'static',
          configPath: resolve(from, flags['config-path']),
          compat: oneOf('--compat', flags.compat ?? 'istio', ['istio', 'tulle'], problems),
        };
  return problems.length === 0 ? ok(settings) : fail(problems);
}

function parseCommon(
  flags: Flags,
  { environment, pod }: Readonly<{ environment: Environment; pod: Pod | null }>,
  problems: Problem[],
) {
  // Of both families where a pod has both; a kernel without IPv6 has no such address.
  const everywhere = pod?.ips.some((ip) => ip.includes(':')) === true ? '[::]' : '0.0.0.0';
  const optional = (flag: '--status' | '--metrics', text: string | undefined, port: number) => {
    const said = text ?? (pod === null ? undefined : `${everywhere}:${port}`);
    return said === undefined ? null : hostPort(flag, said, problems);
  };
  const seconds = (
    flag: 'drain-seconds' | 'termination-seconds' | 'upgrade-seconds' | 'upgrade-drain-seconds',
    by: number,
  ) => number(`--${flag}`, flags[flag] ?? String(by), problems) * 1000;
  const count = flags.concurrency ?? environment['TULLE_CONCURRENCY'];
  return {
    admin: hostPort('--admin', flags.admin ?? '127.0.0.1:15000', problems),
    readiness: hostPort('--readiness', flags.readiness ?? `${everywhere}:15021`, problems),
    status: optional('--status', flags.status, 15_020),
    metrics: optional('--metrics', flags.metrics, 15_090),
    drainMs: seconds('drain-seconds', (pod?.proxyConfig.drainMs ?? 5000) / 1000),
    terminationMs: seconds('termination-seconds', 30),
    upgradeMs: seconds('upgrade-seconds', 30),
    upgradeDrainMs: seconds('upgrade-drain-seconds', 600),
    logLevel: oneOf('--log-level', flags['log-level'] ?? 'info', logLevels, problems),
    transport: oneOf(
      '--transport',
      flags.transport ?? environment['TULLE_TRANSPORT'] ?? 'direct',
      transports,
      problems,
    ),
    concurrency: threads(count, problems) ?? pod?.proxyConfig.concurrency ?? null,
  };
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
