/** The command line: verbs, flags and help. What a verb does is in `commands/`, loaded only when it is called. */
import { Argument, Command, type CommanderError, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { addCaptureVerbs } from './capture/flags.ts';
import { exitCodes } from './command-error.ts';
import type { InjectFlags } from './commands/inject.ts';
import { toContext, type GlobalFlags } from './context.ts';
import { outputFormats } from './output/formats.ts';
import { configParts, type ConfigPart } from './config-parts.ts';
import { addInstallVerbs } from './install-verbs.ts';

const version = packageJson.version;

/** Builds the program. `finish` is told the exit code of the verb that ran. */
export function buildProgram(finish: (exitCode: number) => void): Command {
  const program = new Command('meshctl')
    .description('operate a Tulle mesh')
    .version(`meshctl ${version} (node ${process.version})`, '-V, --version')
    .option(
      '--admin <host:port>',
      'admin API of the control plane (default: as found in --data-dir, else 127.0.0.1:8080)',
    )
    .option('--data-dir <dir>', 'data directory of the control plane or of `meshctl up` (default: .tulle)')
    .option('-n, --namespace <name>', 'namespace')
    .option('-A, --all-namespaces', 'all namespaces')
    .addOption(outputOption())
    .option('--no-headers', 'tables without their first line')
    .option('--sort-by <column>', 'sort tables by this column')
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText('after', examples);
  addResourceVerbs(program, finish);
  addProxyVerbs(program, finish);
  addMeshVerbs(program, finish);
  addCaptureVerbs(program, finish);
  addKubernetesVerbs(program, finish);
  addInstallVerbs(program, finish);
  return program;
}

const examples = `
Examples:
  meshctl up                                    a whole mesh on this machine, with traffic
  meshctl validate -f manifests/examples        what is wrong with these files, and what is not honoured
  meshctl get virtualservices -A                resources, their state and how far they have come
  meshctl proxy status                          the connected proxies
  meshctl proxy upgrade orders-1                a new process takes over from a sidecar, without loss
  meshctl wait --for=distribution vs payments -n shop --timeout 10s
  meshctl check                                 what is wrong with an installation on Kubernetes, and what to do`;

const context = (command: Command) => toContext(command.optsWithGlobals<GlobalFlags>());
/** What is none of the choices is refused by the verb: `inject` writes to a file of that name. */
const outputOption = () =>
  new Option('-o, --output <format>', 'form of the output')
    .choices(outputFormats)
    .argParser((format: string) => format)
    .default('table');
const fileOption = () => new Option('-f, --filename <path...>', 'files, folders or -').makeOptionMandatory();

function addResourceVerbs(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('validate')
    .description('check resources without a control plane; exits 65 if one is refused')
    .addOption(fileOption())
    .action(async (options: { filename: string[] }, command: Command) =>
      finish(await (await import('./commands/validate.ts')).validate(context(command), options.filename)),
    );
  program
    .command('apply')
    .description('write resources into the watched folder of the control plane')
    .addOption(fileOption())
    .option('--dry-run', 'check only')
    .action(async (options: { filename: string[]; dryRun?: boolean }, command: Command) =>
      finish(
        await (await import('./commands/apply.ts')).apply(context(command), options.filename, options.dryRun === true),
      ),
    );
  program
    .command('get <kind> [name]')
    .description('list resources (kind: all, virtualservice, vs, ...); exits 79 if something is refused')
    .action(async (kind: string, name: string | undefined, _options: unknown, command: Command) =>
      finish(await (await import('./commands/get.ts')).get(context(command), kind, name)),
    );
  program
    .command('describe <kind> <name>')
    .description('one resource: source, distribution, problems, text in force')
    .action(async (kind: string, name: string, _options: unknown, command: Command) =>
      finish(await (await import('./commands/describe.ts')).describe(context(command), kind, name)),
    );
  program
    .command('delete <kind> <name>')
    .description('delete a resource that `apply` wrote')
    .action(async (kind: string, name: string, _options: unknown, command: Command) =>
      finish(await (await import('./commands/apply.ts')).remove(context(command), kind, name)),
    );
}

function addProxyVerbs(program: Command, finish: (exitCode: number) => void): void {
  const proxy = program.command('proxy').description('what the proxies have, and their upgrade');
  proxy
    .command('status [name]')
    .description('connected proxies, and what each has acknowledged')
    .action(async (name: string | undefined, _options: unknown, command: Command) =>
      finish(await (await import('./commands/proxy.ts')).proxyStatus(context(command), name)),
    );
  proxy
    .command('config')
    .description('what a proxy was last sent')
    .addArgument(new Argument('<part>', 'what to show').choices(configParts))
    .argument('<proxy>', 'name, name.namespace or id')
    .action(async (part: ConfigPart, name: string, _options: unknown, command: Command) =>
      finish(await (await import('./commands/proxy.ts')).proxyConfig(context(command), part, name)),
    );
  proxy
    .command('upgrade')
    .description('let a new process take over from a sidecar, without loss; run it beside the sidecar')
    .argument('<proxy>', 'name, name.namespace, id, or HOST:PORT of its admin port')
    .action(async (name: string, _options: unknown, command: Command) =>
      finish(await (await import('./commands/proxy-upgrade.ts')).proxyUpgrade(context(command), name)),
    );
}

function addMeshVerbs(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('up')
    .description('start a whole mesh on this machine: control plane, order service, sidecars and traffic')
    .option('--data <dir>', 'folder of configuration, databases and logs (default: .tulle)')
    .option('--services <n>', 'run the order service n times, each instance with its sidecar', '1')
    .option('--no-traffic', 'without the traffic generator')
    .addOption(new Option('--restart <policy>', 'start a process that died again').choices(['on', 'off']).default('on'))
    .action(async (options: { data?: string; services: string; traffic: boolean; restart: string }) =>
      finish(await (await import('./up/up.ts')).up(options)),
    );
  program
    .command('token')
    .description('make a join token for a sidecar; prints the token alone on standard output')
    .requiredOption('--service-account <namespace/name>', 'what the holder of the token is')
    .option('--ttl <duration>', 'how long it can be used', '1h')
    .action(async (options: { serviceAccount: string; ttl: string }, command: Command) =>
      finish(await (await import('./commands/token.ts')).token(context(command), options.serviceAccount, options.ttl)),
    );
  program
    .command('wait <kind> <name>')
    .description('wait until every connected proxy has applied a resource')
    .requiredOption('--for <goal>', 'distribution')
    .option('--timeout <duration>', 'give up after', '30s')
    .action(async (kind: string, name: string, options: { for: string; timeout: string }, command: Command) =>
      finish(
        await (await import('./commands/wait.ts')).wait(context(command), options.for, { kind, name }, options.timeout),
      ),
    );
  program
    .command('version')
    .description('versions of meshctl and of the control plane')
    .action(async (_options: unknown, command: Command) =>
      finish(await (await import('./commands/version.ts')).showVersion(context(command), version)),
    );
}

function addKubernetesVerbs(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('inject')
    .description('give pods their sidecar: files in, files out, as the webhook does; exits 65 if one is refused')
    .addOption(fileOption())
    .option('--mesh-config <file>', 'MeshConfig YAML')
    .option('--injector-config <file>', 'settings of the injector, YAML')
    .addOption(
      new Option('--native <when>', 'sidecars as restartable init containers; auto: unless the settings say false')
        .choices(['auto', 'true', 'false'])
        .default('auto'),
    )
    .option('--control-plane <host:port>', 'where sidecars find the control plane')
    .addHelpText(
      'after',
      '\n-o FILE writes to a file instead of standard output; -n NAME is the namespace of what names none (default).',
    )
    .action(async (options: Omit<InjectFlags, 'outputFile' | 'namespace'>, command: Command) => {
      const { namespace, output } = command.optsWithGlobals<GlobalFlags>();
      const outputFile = command.getOptionValueSourceWithGlobals('output') === 'cli' ? output : null;
      const { injectFiles } = await import('./commands/inject.ts');
      const flags = { ...options, outputFile, ...(namespace === undefined ? {} : { namespace }) };
      finish(injectFiles(flags, `tulle/sidecar:${version}`, standardOutput));
    });
}

const standardOutput = {
  out: (text: string) => void process.stdout.write(text),
  note: (text: string) => void process.stderr.write(`${text}\n`),
};

/** The exit code of an error that commander threw (help and version are no errors). */
export function commanderExitCode(error: CommanderError): number {
  return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
}
