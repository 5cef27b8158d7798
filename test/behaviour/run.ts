/**
 * `npm run behaviour -- [check|run|dump] [--all] [--jobs N] [--keep] [SCENARIO...]`: runs the scenarios of this folder (or of the
 * folder that the environment names SCENARIOS) on Tulle. TULLE_SIDECAR=envoy puts stock Envoys in the place of our sidecars.
 *
 *   this file            what to run: arguments, topics
 *   python.ts            a Python with the runner's modules, and Envoy
 *   system-under-test.ts how control plane and sidecars are started
 *   behaviour.py         the runner
 *
 * `npm run behaviour -- --prepare` only installs Python modules and Envoy, and prints where that is.
 *
 * Network namespaces need root: without it nothing is run, and that is said. The last line is `N passed, N failed, N skipped`.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findPython } from './python.ts';
import { makeCommands, type Topics } from './system-under-test.ts';

const here = import.meta.dirname;
const root = resolve(here, '../..');
const modes = ['check', 'run', 'dump'];

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--prepare')) {
    const { envoy } = findPython(root);
    console.log(envoy);
    return envoy === '' ? 1 : 0;
  }
  const reason = whyNotHere();
  if (reason === null) return runScenarios(args);
  console.log(`SKIPPED test/behaviour: ${reason}`);
  console.log('0 passed, 0 failed');
  return 0;
}

/** Why namespaces cannot be made here; a tool that is missing on a machine where they could is an error instead. */
function whyNotHere(): string | null {
  if (process.platform !== 'linux') return `network namespaces need Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'network namespaces and NAT rules need root';
  const missing = ['ip', 'iptables', 'setpriv'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
  if (missing.length === 0) return null;
  console.error(`test/behaviour: ${missing.join(', ')} missing: apt-get install iproute2 iptables util-linux`);
  process.exit(69);
}

async function runScenarios(args: readonly string[]): Promise<number> {
  const kind = process.env['TULLE_SIDECAR'] === 'envoy' ? 'envoy' : 'sidecar';
  const topics = JSON.parse(readFileSync(join(here, 'topics.json'), 'utf8')) as Topics;
  const python = findPython(root);
  const folder = mkdtempSync(join(tmpdir(), 'tulle-behaviour-'));
  const commands = makeCommands({ root, folder, kind, topics });
  const file = join(folder, 'tulle.json');
  writeFileSync(file, JSON.stringify(commands));
  const environment = runnerEnvironment({ SUT_COMMANDS: file, ENVOY: python.envoy, NODE: process.execPath });
  try {
    return await run(python.command, [join(here, 'behaviour.py'), ...runnerArguments(args, topics[kind])], environment);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The runner's arguments: `check` unless another mode is named, and the topics of this stage unless scenarios are. */
function runnerArguments(args: readonly string[], topics: readonly string[]): string[] {
  const mode = modes.includes(args[0] ?? '') ? (args[0] ?? '') : 'check';
  const rest = args.filter((arg, index) => arg !== '--all' && !(index === 0 && arg === mode));
  const named = rest.filter((arg, index) => !arg.startsWith('-') && rest[index - 1] !== '--jobs');
  const isWhole = args.includes('--all') || named.length > 0 || mode !== 'check';
  return [mode, ...rest, ...(isWhole ? [] : topics)];
}

/** Ours, without what npm puts into it: processes of the mesh are started as anybody would start them. */
function runnerEnvironment(more: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_') && name !== 'INIT_CWD');
  const scenarios = process.env['SCENARIOS'];
  const from = process.env['INIT_CWD'] ?? process.cwd();
  return {
    ...Object.fromEntries(own),
    ...(scenarios === undefined ? {} : { SCENARIOS: resolve(from, scenarios) }),
    PYTHONDONTWRITEBYTECODE: '1',
    ...more,
  };
}

/** Runs to the end. When we are told to stop, every process of the runner is: each then takes its namespaces down. */
function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
    const stop = () => {
      signalGroup(child, 'SIGINT');
      setTimeout(() => signalGroup(child, 'SIGKILL'), 15_000).unref();
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    child.once('error', fail);
    child.once('exit', (code) => done(code ?? 1));
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, signal);
}
