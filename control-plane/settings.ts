/** The flags of the control plane. The only file of this component that reads the environment. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseHostPort, type HostPort } from '#shared/runtime/host-port.ts';
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';

export type Settings = Readonly<{
  /** Folder of YAML that is watched. */
  configDir: string;
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
  /** Seconds that a lost workload stays registered. */
  graceMs: number;
  logLevel: string;
}>;

const options = {
  'config-dir': { type: 'string' },
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
export const usage = `control-plane --config-dir DIR [flags]

  --config-dir DIR            folder of YAML resources, watched
  --mesh-config FILE          mesh-wide settings: the YAML of Istio's MeshConfig
  --data-dir DIR              keys, admin socket, state (default: ./.tulle/control-plane)
  --ca-cert, --ca-key FILE    sign under this root or intermediate instead of one of our own
  --ca-chain FILE             the certificates above --ca-cert, up to the root
  --xds-tls HOST:PORT         xDS and certificates over TLS (default 127.0.0.1:15012)
  --xds-plaintext HOST:PORT   xDS without TLS (default 127.0.0.1:15010; "off" for none; may be given several times)
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
  const plaintext = values['xds-plaintext'] ?? ['127.0.0.1:15010'];
  const settings: Settings = {
    configDir: path(values['config-dir']) ?? '',
    meshConfigFile: path(values['mesh-config']),
    dataDir: path(values['data-dir']) ?? fromCallerFolder('.tulle/control-plane'),
    caCert: path(values['ca-cert']),
    caKey: path(values['ca-key']),
    caChain: path(values['ca-chain']),
    xdsTls: hostPort('--xds-tls', values['xds-tls'] ?? '127.0.0.1:15012', problems),
    xdsPlaintext: plaintext.filter((text) => text !== 'off').map((text) => hostPort('--xds-plaintext', text, problems)),
    advertise: values.advertise ?? [],
    admin: hostPort('--admin', values.admin ?? '127.0.0.1:8080', problems),
    graceMs: seconds('--grace-seconds', values['grace-seconds'] ?? '10', problems) * 1000,
    logLevel: values['log-level'] ?? 'info',
  };
  if (settings.configDir === '') problems.push(problem('--config-dir', 'is needed: the folder with the resources'));
  if ((settings.caCert === null) !== (settings.caKey === null))
    problems.push(problem('--ca-cert', 'and --ca-key go together'));
  if (settings.caChain !== null && settings.caCert === null)
    problems.push(problem('--ca-chain', 'needs --ca-cert and --ca-key'));
  if (!['debug', 'info', 'warn', 'error'].includes(settings.logLevel)) {
    problems.push(problem('--log-level', `${settings.logLevel} is not one of debug, info, warn, error`));
  }
  return problems.length === 0 ? ok(settings) : fail(problems);
}

const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;

function fromCallerFolder(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? process.cwd(), path);
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
