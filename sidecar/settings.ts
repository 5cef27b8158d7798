/** The flags and environment of the sidecar. The only file of this component that reads the environment. */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { dnsOptions, type DnsSettings, dnsUsage, parseDns } from './dns-settings.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { defaultProbe, type Probe } from './snapshot/listener.ts';
import { parseHostPort, type HostPort } from '#shared/runtime/host-port.ts';
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';

/** How the application's health is asked. */
export type ProbeTarget = Readonly<{ kind: 'http' | 'tcp' | 'grpc'; port: number; path: string }>;

/** Settings of a sidecar that gets its configuration from a control plane. */
export type MeshedSettings = DnsSettings &
  Readonly<{
    kind: 'meshed';
    controlPlane: string;
    caFile: string;
    token: Readonly<{ kind: 'value'; token: Secret }> | Readonly<{ kind: 'file'; path: string }> | null;
    name: string;
    namespace: string;
    serviceAccount: string;
    labels: Readonly<Record<string, string>>;
    ip: string;
    locality: Readonly<{ region: string; zone: string; sub_zone: string }>;
    interception: 'REDIRECT' | 'NONE';
    /**
     * Application port -> port at which the sidecar takes its traffic (without interception). A port that has a name stands here
     * under its name too: the workload is registered with it, and services whose port has that name find it.
     */
    inbound: Readonly<Record<string, number>>;
    httpProxyPort: number;
    register: boolean;
    group: string;
    /** Null: as the control plane says. */
    probe: Probe | null;
    trustDomain: string;
    diskCache: boolean;
    dataDir: string;
    certificateTtlMs: number;
  }>;

/** Settings of a sidecar that gets its configuration from a bootstrap file. */
export type StaticSettings = Readonly<{ kind: 'static'; configPath: string; compat: 'tulle' | 'istio' }>;

export type Settings = (MeshedSettings | StaticSettings) &
  Readonly<{
    admin: HostPort;
    readiness: HostPort;
    drainMs: number;
    /** How long a successor may take until it serves. */
    upgradeMs: number;
    /** How long connections may last once it does. */
    upgradeDrainMs: number;
    logLevel: string;
    transport: 'direct' | 'streams';
    /** Threads that carry traffic; 0: one for each processor; null: as many as fit. */
    concurrency: number | null;
  }>;

const options = {
  'config-path': { type: 'string', short: 'c' },
  compat: { type: 'string' },
  'control-plane': { type: 'string' },
  'ca-cert': { type: 'string' },
  token: { type: 'string' },
  'token-file': { type: 'string' },
  name: { type: 'string' },
  namespace: { type: 'string' },
  'service-account': { type: 'string' },
  labels: { type: 'string' },
  ip: { type: 'string' },
  locality: { type: 'string' },
  interception: { type: 'string' },
  inbound: { type: 'string', multiple: true },
  'http-proxy-port': { type: 'string' },
  ...dnsOptions,
  register: { type: 'boolean' },
  probe: { type: 'string' },
  'trust-domain': { type: 'string' },
  'no-disk-cache': { type: 'boolean' },
  'data-dir': { type: 'string' },
  'certificate-ttl-seconds': { type: 'string' },
  admin: { type: 'string' },
  readiness: { type: 'string' },
  'drain-seconds': { type: 'string' },
  'upgrade-seconds': { type: 'string' },
  'upgrade-drain-seconds': { type: 'string' },
  'log-level': { type: 'string' },
  transport: { type: 'string' },
  concurrency: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;
const transports = ['direct', 'streams'] as const;
const logLevels = ['trace', 'debug', 'info', 'warn', 'error'];
/** What `--help` prints. */
export const usage = `sidecar --control-plane HOST:PORT --ca-cert FILE --token TOKEN --name NAME [flags]
sidecar --config-path FILE [flags]

  --config-path FILE          static listeners and clusters of an Envoy bootstrap file, YAML or JSON
  --compat tulle|istio        whose defaults hold for a bootstrap file (default istio: as Envoy)
  --control-plane HOST:PORT   xDS and certificates over TLS
  --ca-cert FILE              root that the control plane's certificate is judged by
  --token TOKEN, --token-file FILE   join token (environment: TULLE_TOKEN)
  --name, --namespace, --service-account   who this workload is
  --labels JSON|a=b,c=d       its labels
  --ip ADDRESS                its address (default 127.0.0.1)
  --locality REGION/ZONE/SUBZONE
  --interception REDIRECT|NONE   NAT rules redirect to 15001 and 15006, or explicit ports and an HTTP proxy (default REDIRECT)
  --inbound [NAME=]APP:LISTEN take the traffic of application port APP at port LISTEN; NAME: the name of the service port that it
                              serves, for services whose targetPort is not APP (may be given several times)
  --http-proxy-port PORT      HTTP proxy for the application's calls on 127.0.0.1 (default 15001; with --interception NONE)
${dnsUsage}  --register                  become a WorkloadEntry while connected (environment: AUTO_REGISTER_GROUP names a WorkloadGroup)
  --probe http:PORT/PATH|tcp:PORT|grpc:PORT   how to ask the application's health
  --data-dir DIR, --no-disk-cache   certificate and last good configuration survive a restart there
  --admin HOST:PORT           admin port (default 127.0.0.1:15000)
  --readiness HOST:PORT       /healthz/ready (default 0.0.0.0:15021)
  --drain-seconds N           time from SIGTERM to the end (default 5)
  --upgrade-seconds N         time for a successor (SIGUSR2, POST /upgrade) to serve; else this process goes on (default 30)
  --upgrade-drain-seconds N   time that open connections have after that (default 600)
  --log-level LEVEL           trace, debug, info, warn, error (default info)
  --transport direct|streams  connections on Node's socket handles, or on its documented streams only (default direct, where that
                              works; environment: TULLE_TRANSPORT)
  --concurrency N             threads that carry traffic; 0: one for each processor (default 1, or 2 where more than one processor may
                              be used; environment: TULLE_CONCURRENCY)
`;

/** The environment of this process, for what it starts. */
export function ownEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
type Values = ReturnType<typeof parse>;

/** Reads flags and environment, all problems at once; `help` when that was asked for. */
export function parseSettings(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Result<Settings | 'help'> {
  let values: Values;
  try {
    values = parse(args);
  } catch (error) {
    return fail([problem('', error instanceof Error ? error.message : String(error))]);
  }
  if (values.help === true) return ok('help');
  const problems: Problem[] = [];
  const common = {
    admin: hostPort('--admin', values.admin ?? '127.0.0.1:15000', problems),
    readiness: hostPort('--readiness', values.readiness ?? '0.0.0.0:15021', problems),
    drainMs: number('--drain-seconds', values['drain-seconds'] ?? '5', problems) * 1000,
    upgradeMs: number('--upgrade-seconds', values['upgrade-seconds'] ?? '30', problems) * 1000,
    upgradeDrainMs: number('--upgrade-drain-seconds', values['upgrade-drain-seconds'] ?? '600', problems) * 1000,
    logLevel: oneOf('--log-level', values['log-level'] ?? 'info', logLevels, problems),
    transport: oneOf(
      '--transport',
      values.transport ?? environment['TULLE_TRANSPORT'] ?? 'direct',
      transports,
      problems,
    ),
    concurrency: threads(values.concurrency ?? environment['TULLE_CONCURRENCY'], problems),
  };
  const from = environment['INIT_CWD'] ?? process.cwd();
  const settings: Settings =
    values['config-path'] === undefined
      ? { ...common, ...meshed(values, environment, problems, from) }
      : {
          ...common,
          kind: 'static',
          configPath: resolve(from, values['config-path']),
          compat: oneOf('--compat', values.compat ?? 'istio', ['istio', 'tulle'], problems),
        };
  return problems.length === 0 ? ok(settings) : fail(problems);
}

function meshed(
  values: Values,
  environment: Readonly<Record<string, string | undefined>>,
  problems: Problem[],
  from: string,
): MeshedSettings {
  const needed = (flag: 'control-plane' | 'ca-cert' | 'name') => {
    const value = values[flag];
    if (value === undefined) problems.push(problem(`--${flag}`, 'is needed (or --config-path)'));
    return value ?? '';
  };
  const [region = '', zone = '', subZone = ''] = (values.locality ?? '').split('/');
  return {
    kind: 'meshed',
    controlPlane: needed('control-plane'),
    caFile: resolve(from, needed('ca-cert')),
    token: tokenOf(values, environment, from),
    name: values.name ?? hostname(),
    namespace: values.namespace ?? 'default',
    serviceAccount: values['service-account'] ?? 'default',
    labels: labels(values.labels ?? '', problems),
    ip: values.ip ?? '127.0.0.1',
    locality: { region, zone, sub_zone: subZone },
    interception: oneOf('--interception', values.interception ?? 'REDIRECT', ['REDIRECT', 'NONE'], problems),
    inbound: Object.fromEntries((values.inbound ?? []).flatMap((text) => inbound(text, problems))),
    httpProxyPort: port('--http-proxy-port', values['http-proxy-port'] ?? '15001', problems),
    ...parseDns(values, problems, from),
    register: values.register === true,
    group: environment['AUTO_REGISTER_GROUP'] ?? '',
    probe: values.probe === undefined ? null : probe(values.probe, problems),
    trustDomain: values['trust-domain'] ?? 'cluster.local',
    diskCache: values['no-disk-cache'] !== true,
    dataDir: resolve(from, values['data-dir'] ?? '.tulle/sidecar'),
    certificateTtlMs: number('--certificate-ttl-seconds', values['certificate-ttl-seconds'] ?? '0', problems) * 1000,
  };
}

function tokenOf(
  values: Values,
  environment: Readonly<Record<string, string | undefined>>,
  from: string,
): MeshedSettings['token'] {
  if (values['token-file'] !== undefined) return { kind: 'file', path: resolve(from, values['token-file']) };
  const token = values.token ?? environment['TULLE_TOKEN'];
  return token === undefined || token === '' ? null : { kind: 'value', token: new Secret(token) };
}

function labels(text: string, problems: Problem[]): Readonly<Record<string, string>> {
  if (text === '') return {};
  if (!text.startsWith('{')) {
    const pairs = text.split(',').map((pair) => pair.split('='));
    if (pairs.some((pair) => pair.length !== 2)) problems.push(problem('--labels', `${text} is not a=b,c=d`));
    return Object.fromEntries(pairs.map(([key = '', value = '']) => [key, value]));
  }
  try {
    const parsed: unknown = JSON.parse(text);
    const entries = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [];
    return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
  } catch {
    problems.push(problem('--labels', `${text} is not JSON`));
    return {};
  }
}

function inbound(text: string, problems: Problem[]): [string, number][] {
  const match = /^(?:([a-z][a-z0-9-]*)=)?(\d{1,5}):(\d{1,5})$/.exec(text);
  if (match === null) {
    problems.push(problem('--inbound', `${text} is not APP:LISTEN or NAME=APP:LISTEN`));
    return [];
  }
  const [, name, app = '', listen = ''] = match;
  port('--inbound', app, problems);
  const listenPort = port('--inbound', listen, problems);
  return [app, ...(name === undefined ? [] : [name])].map((key) => [key, listenPort]);
}

function probe(text: string, problems: Problem[]): Probe | null {
  const match = /^(http|tcp|grpc):(\d{1,5})(\/.*)?$/.exec(text);
  if (match === null) {
    problems.push(problem('--probe', `${text} is not http:PORT/PATH, tcp:PORT or grpc:PORT`));
    return null;
  }
  return {
    ...defaultProbe,
    kind: match[1] as Probe['kind'],
    port: port('--probe', match[2] ?? '', problems),
    path: match[3] ?? '/',
    periodMs: 2000,
  };
}

function threads(text: string | undefined, problems: Problem[]): number | null {
  if (text === undefined || text === '') return null;
  const isCount = /^\d{1,3}$/.test(text);
  if (!isCount) problems.push(problem('--concurrency', `${text} is not a number of threads (0 to 999)`));
  return isCount ? Number(text) : null;
}

function hostPort(flag: string, text: string, problems: Problem[]): HostPort {
  const parsed = parseHostPort(text);
  if (parsed === null) problems.push(problem(flag, `${text} is not HOST:PORT`));
  return parsed ?? { host: '', port: 0 };
}

function port(flag: string, text: string, problems: Problem[]): number {
  const value = Number(text);
  const isPort = /^\d{1,5}$/.test(text) && value <= 65_535;
  if (!isPort) problems.push(problem(flag, `${text} is not a port`));
  return isPort ? value : 0;
}

function oneOf<T extends string>(flag: string, text: string, known: readonly T[], problems: Problem[]): T {
  const found = known.find((each) => each === text);
  if (found === undefined) problems.push(problem(flag, `${text} is not one of ${known.join(', ')}`));
  return found ?? (known[0] as T);
}

function number(flag: string, text: string, problems: Problem[]): number {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0) problems.push(problem(flag, `${text} is not a number`));
  return Number.isFinite(value) ? value : 0;
}
