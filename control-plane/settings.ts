/** The flags of the control plane. The only file of this component that reads the environment. */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { KubernetesAccess } from '#shared/kubernetes/connect.ts';
import { meshNamespace } from '#shared/kubernetes/names.ts';
import { parseHostPort, type HostPort } from '#shared/runtime/host-port.ts';
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';

export type Settings = Readonly<{
  /** Where the resources come from. */
  source: SourceSettings;
  meshConfigFile: string | null;
  dataDir: string;
  caCert: string | null;
  caKey: string | null;
  caChain: string | null;
  xdsTls: HostPort;
  /** Loopback unless asked for. */
  xdsPlaintext: readonly HostPort[];
  /** Names and addresses in the server certificate. */
  advertise: readonly string[];
  admin: HostPort;
  /** `/metrics` alone, for who may see nothing else; null: on the admin port only. */
  monitoring: HostPort | null;
  /** Seconds that a lost workload stays registered. */
  graceMs: number;
  logLevel: string;
}>;

/** One of the two. */
export type SourceSettings =
  /** A folder of YAML that is watched. */
  Readonly<{ kind: 'folder'; configDir: string }> | KubernetesSettings;

export type KubernetesSettings = Readonly<{
  kind: 'kubernetes';
  access: KubernetesAccess;
  /** The control plane's own. */
  namespace: string;
  /** Only these and the own one are read; empty: all. */
  watchNamespaces: readonly string[];
  /** What this replica is called: its pod's name. */
  replica: string;
  /** Null: no webhooks are served. */
  webhooks: HostPort | null;
  /** Whether pods that missed their injection are deleted, so that their controllers make them again. */
  repairsInjection: boolean;
}>;

const options = {
  'config-dir': { type: 'string' },
  kubernetes: { type: 'boolean' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespace: { type: 'string' },
  'watch-namespaces': { type: 'string' },
  webhooks: { type: 'string' },
  'repair-injection': { type: 'boolean' },
  monitoring: { type: 'string' },
  'mesh-config': { type: 'string' },
  'data-dir': { type: 'string' },
  'ca-cert': { type: 'string' },
  'ca-key': { type: 'string' },
  'ca-chain': { type: 'string' },
  'xds-tls': { type: 'string' },
  'xds-plaintext': { type: 'string', multiple: true },
  advertise: { type: 'string', multiple: true },
  admin: { type: 'string' },
  'grace-seconds': { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** What `--help` prints. */
export const usage = `control-plane --config-dir DIR | --kubernetes | --kubeconfig FILE [flags]

  --config-dir DIR            folder of YAML resources, watched
  --kubernetes                the cluster that this runs in
  --kubeconfig FILE           a cluster from outside; --context NAME chooses one of the file
  --namespace NAME            the control plane's own namespace (default $POD_NAMESPACE, or tulle-system)
  --watch-namespaces A,B      read these namespaces and the own one alone
  --webhooks HOST:PORT        injection and validation (default 0.0.0.0:15017 with --kubernetes, 127.0.0.1:15017 with --kubeconfig; "off")
  --repair-injection          delete pods that missed their injection, so that their controllers make them again
  --monitoring HOST:PORT      /metrics alone (default 0.0.0.0:15014 with --kubernetes, else "off")
  --mesh-config FILE          mesh-wide settings: the YAML of Istio's MeshConfig
  --data-dir DIR              keys, admin socket, state (default: ./.tulle/control-plane)
  --ca-cert, --ca-key FILE    sign under this root or intermediate instead of one of our own
  --ca-chain FILE             the certificates above --ca-cert, up to the root
  --xds-tls HOST:PORT         xDS and certificates over TLS (default 127.0.0.1:15012; 0.0.0.0 with --kubernetes)
  --xds-plaintext HOST:PORT   xDS without TLS (default 127.0.0.1:15010, none with --kubernetes; "off"; may be given several times)
  --advertise NAME            name or address in the server certificate (may be given several times)
  --admin HOST:PORT           admin API (default 127.0.0.1:8080)
  --grace-seconds N           how long a lost workload stays registered (default 10)
  --log-level LEVEL           debug, info, warn, error (default info)
`;

/** Reads the arguments; relative paths count from where npm was called. `help` when that was asked for. */
export function parseSettings(args: readonly string[]): Result<Settings | 'help'> {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    return fail([problem('', error instanceof Error ? error.message : String(error))]);
  }
  if (values.help === true) return ok('help');
  const problems: Problem[] = [];
  const path = (value: string | undefined) => (value === undefined ? null : fromCallerFolder(value));
  const inCluster = values.kubernetes === true;
  const host = inCluster ? '0.0.0.0' : '127.0.0.1';
  const plaintext = values['xds-plaintext'] ?? (inCluster ? [] : ['127.0.0.1:15010']);
  const settings: Settings = {
    source: readSource(values, host, problems),
    meshConfigFile: path(values['mesh-config']),
    dataDir: path(values['data-dir']) ?? fromCallerFolder('.tulle/control-plane'),
    caCert: path(values['ca-cert']),
    caKey: path(values['ca-key']),
    caChain: path(values['ca-chain']),
    xdsTls: hostPort('--xds-tls', values['xds-tls'] ?? `${host}:15012`, problems),
    xdsPlaintext: plaintext.filter((text) => text !== 'off').map((text) => hostPort('--xds-plaintext', text, problems)),
    advertise: values.advertise ?? [],
    admin: hostPort('--admin', values.admin ?? '127.0.0.1:8080', problems),
    monitoring: hostPortOrOff('--monitoring', values.monitoring ?? (inCluster ? `${host}:15014` : 'off'), problems),
    graceMs: seconds('--grace-seconds', values['grace-seconds'] ?? '10', problems) * 1000,
    logLevel: values['log-level'] ?? 'info',
  };
  if ((settings.caCert === null) !== (settings.caKey === null))
    problems.push(problem('--ca-cert', 'and --ca-key go together'));
  if (settings.caChain !== null && settings.caCert === null)
    problems.push(problem('--ca-chain', 'needs --ca-cert and --ca-key'));
  if (!['debug', 'info', 'warn', 'error'].includes(settings.logLevel)) {
    problems.push(problem('--log-level', `${settings.logLevel} is not one of debug, info, warn, error`));
  }
  return problems.length === 0 ? ok(settings) : fail(problems);
}

type Values = ReturnType<typeof parse>;

const sourceFlags = ['config-dir', 'kubernetes', 'kubeconfig'] as const;
const clusterFlags = ['context', 'namespace', 'watch-namespaces', 'webhooks', 'repair-injection'] as const;

function readSource(values: Values, host: string, problems: Problem[]): SourceSettings {
  const given = sourceFlags.filter((flag) => values[flag] !== undefined);
  if (given.length !== 1) {
    const found = given.length === 0 ? 'none is given' : `${given.map((flag) => `--${flag}`).join(' and ')} are given`;
    problems.push(problem('', `one of --config-dir, --kubernetes and --kubeconfig is needed, ${found}`));
  }
  const configDir = values['config-dir'];
  if (configDir === undefined) return readCluster(values, host, problems);
  for (const flag of clusterFlags.filter((flag) => values[flag] !== undefined))
    problems.push(problem(`--${flag}`, 'is for a cluster: give --kubernetes or --kubeconfig'));
  return { kind: 'folder', configDir: fromCallerFolder(configDir) };
}

function readCluster(values: Values, host: string, problems: Problem[]): KubernetesSettings {
  const { kubeconfig, context } = values;
  if (kubeconfig === undefined && context !== undefined) problems.push(problem('--context', 'needs --kubeconfig'));
  if (values['ca-cert'] !== undefined)
    problems.push(problem('--ca-cert', 'on Kubernetes the authority is given in the Secret tulle-ca'));
  const access =
    kubeconfig === undefined
      ? 'in-cluster'
      : { kubeconfig: fromCallerFolder(kubeconfig), ...(context === undefined ? {} : { context }) };
  const watched = (values['watch-namespaces'] ?? '').split(',').map((name) => name.trim());
  return {
    kind: 'kubernetes',
    access,
    namespace: values.namespace ?? process.env['POD_NAMESPACE'] ?? meshNamespace,
    watchNamespaces: watched.filter((name) => name !== ''),
    replica: process.env['POD_NAME'] ?? `${hostname().toLowerCase()}-${process.pid}`,
    webhooks: hostPortOrOff('--webhooks', values.webhooks ?? `${host}:15017`, problems),
    repairsInjection: values['repair-injection'] === true,
  };
}

const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;

function fromCallerFolder(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? process.cwd(), path);
}

function hostPortOrOff(flag: string, text: string, problems: Problem[]): HostPort | null {
  return text === 'off' ? null : hostPort(flag, text, problems);
}

function hostPort(flag: string, text: string, problems: Problem[]): HostPort {
  const parsed = parseHostPort(text);
  if (parsed === null) problems.push(problem(flag, `${text} is not HOST:PORT`));
  return parsed ?? { host: '', port: 0 };
}

function seconds(flag: string, text: string, problems: Problem[]): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    problems.push(problem(flag, `${text} is not a number of seconds`));
  return value;
}
