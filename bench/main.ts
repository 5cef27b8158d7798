/**
 * `npm run bench -- [flags] [TARGET...]`: CPU, latency and memory of our sidecar pair beside pairs of Envoy, nginx and haproxy that
 * do the same work, all in one run, interleaved. Starts everything itself (certificates, backend, proxies, load) and stops it again.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { makeCertificates } from './certificates.ts';
import { measure, type Load, type Sample } from './measure.ts';
import { backendConfig } from './proxies/nginx-config.ts';
import { formatTable, machineFacts, markdownOf, tableOf } from './report.ts';
import { freePort, raisePriority, ServerProcess } from './server-process.ts';
import { summarize, verdicts } from './summary.ts';
import { hasCommand, missingFor, prepareTarget, targetNames, type Target, type TargetName } from './targets.ts';

const usage = `npm run bench -- [flags] [TARGET...]

  TARGET          ${targetNames.join(', ')} (default: all that can run here)
  -t SECONDS      of load a run (default 5)      -w SECONDS  of warm-up before (default 3)
  -r RUNS         of each target, interleaved (default 3)
  -c CONNECTIONS  (default 32)
  --foreign CORES a run is repeated when others kept more of the machine busy (default 0.25)
  --against DIR   measure the sidecars of another checkout beside ours (target "against")
  --flags="--A --B" further flags of Node for our sidecars (not for "against")
  --report        write the figures and the machine's facts to bench/results/
  --keep          keep the folder of configurations and logs
`;
const attemptsPerRun = 4;

const parse = () =>
  parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', short: 't', default: '5' },
      'warm-up': { type: 'string', short: 'w', default: '3' },
      runs: { type: 'string', short: 'r', default: '3' },
      connections: { type: 'string', short: 'c', default: '32' },
      foreign: { type: 'string', default: '0.25' },
      against: { type: 'string' },
      flags: { type: 'string', default: '' },
      report: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
const { values, positionals } = readFlags();
if (values.help) {
  console.log(usage);
  process.exit(0);
}

const from = process.env['INIT_CWD'] ?? process.cwd();
const against = values.against === undefined ? null : resolve(from, values.against);
const flags = values.flags.split(' ').filter((flag) => flag !== '');
const load: Load = {
  connections: number('-c', values.connections),
  seconds: number('-t', values.seconds),
  warmUpSeconds: number('-w', values['warm-up']),
};
const maxForeign = number('--foreign', values.foreign);
const runs = number('-r', values.runs);
const chosen = chooseTargets();
for (const tool of ['wrk', 'nginx']) {
  if (!hasCommand(tool)) fail(`${tool} is needed (load generator, backend): apt-get install wrk nginx haproxy`);
}

const folder = mkdtempSync(join(tmpdir(), 'tulle-bench-'));
let backend: ServerProcess | null = null;
let isStopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => (isStopping = true));
try {
  raisePriority(process.pid);
  const backendPort = await freePort();
  const backendPath = join(folder, 'backend.conf');
  writeFileSync(backendPath, backendConfig(folder, backendPort));
  backend = await ServerProcess.start(
    { command: 'nginx', args: ['-p', folder, '-c', backendPath], port: backendPort },
    join(folder, 'backend.log'),
  );
  const certificates = makeCertificates(folder);
  const targets: Target[] = [];
  for (const name of chosen) {
    const adminPorts = { in: await freePort(), out: await freePort() };
    const scope = {
      folder,
      certificates,
      backendPort,
      adminPorts,
      inPort: await freePort(),
      outPort: await freePort(),
    };
    targets.push(prepareTarget(name, scope, { against, flags }));
  }
  print(await runAll(targets, backend));
} finally {
  await backend?.stop();
  if (values.keep) console.log(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}

async function runAll(targets: readonly Target[], behind: ServerProcess): Promise<Map<Target, Sample[]>> {
  const samples = new Map<Target, Sample[]>(targets.map((target) => [target, []]));
  for (let run = 0; run < runs; run++) {
    for (const target of targets) {
      const sample = await quietRun(target, behind);
      if (isStopping) return samples;
      samples.get(target)?.push(sample);
    }
  }
  return samples;
}

/** Measures until nobody disturbs, or takes the last try as it is. */
async function quietRun(target: Target, behind: ServerProcess): Promise<Sample> {
  for (let attempt = 1; ; attempt++) {
    const sample = await measure(target, behind, load, folder);
    if (sample.foreignCores <= maxForeign || attempt === attemptsPerRun || isStopping) return sample;
    console.error(`${target.name}: ${sample.foreignCores.toFixed(2)} cores busy with something else; again`);
    await pause(2000);
  }
}

function print(samples: ReadonlyMap<Target, readonly Sample[]>): void {
  const measured = [...samples].filter(([, each]) => each.length > 0);
  const summaries = measured.map(([{ name, about }, each]) => summarize(name, about, each));
  console.log(`${formatTable(tableOf(summaries))}\n`);
  for (const { name, errors } of summaries) for (const error of errors) console.log(`${name}: ${error}`);
  for (const verdict of verdicts(summaries)) console.log(verdict);
  for (const fact of machineFacts()) console.log(fact);
  if (!values.report) return;
  const now = new Date();
  const results = join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  const path = join(results, `${now.toISOString().slice(0, 16).replaceAll(':', '-')}.md`);
  writeFileSync(path, markdownOf(summaries, load, now));
  console.log(`report: ${path}`);
}

function readFlags(): ReturnType<typeof parse> {
  try {
    return parse();
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function chooseTargets(): TargetName[] {
  const asked = positionals.map((name) => {
    const known = targetNames.find((each) => each === name);
    return known ?? fail(`${name} is none of ${targetNames.join(', ')}`);
  });
  const wanted: readonly TargetName[] = asked.length > 0 ? asked : targetNames;
  return wanted.filter((name) => {
    const missing = missingFor(name, against);
    if (missing !== null && (name !== 'against' || asked.length > 0)) console.error(`${name} skipped: ${missing}`);
    return missing === null;
  });
}

function number(flag: string, text: string): number {
  const value = Number(text);
  return text !== '' && Number.isFinite(value) && value > 0 ? value : fail(`${flag} ${text} is not a positive number`);
}

function fail(message: string): never {
  console.error(`bench: ${message}\n\n${usage}`);
  process.exit(64);
}
