/**
 * `npm run flame -- [--scenario NAME] [--hop in|out] [--out FILE] [TARGET]`: a flame graph of one of our sidecars under the load of a
 * scenario, from `perf`, with the kernel and Node's C++ as far as they can be named. Needs Linux, `perf`, and the right to use it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Bench } from '../bench.ts';
import type { RunningPair } from '../peers/running-pair.ts';
import { missingTool } from '../peers/versions.ts';
import { keepPriority } from '../processes/server-process.ts';
import { findScenarios } from '../scenarios/catalog.ts';
import { flameGraph, shareOf } from './flame-graph.ts';
import { parseStacks } from './stacks.ts';

const times = { warmUpSeconds: 5, seconds: 8 };
const recordSeconds = 5;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scenario: { type: 'string', default: 'http1-mux' },
    hop: { type: 'string', default: 'out' },
    out: { type: 'string', default: 'flame.svg' },
  },
});

class WatchedBench extends Bench {
  pair: RunningPair | null = null;

  override async startPair(...args: Parameters<Bench['startPair']>): Promise<RunningPair> {
    return (this.pair = await super.startPair(...args));
  }
}

await record(values, positionals[0]);

async function record({ scenario: name, hop, out }: typeof values, wanted: string | undefined): Promise<void> {
  const found = findScenarios([name]);
  if ('unknown' in found) throw new Error(`no scenario ${name}: npm run bench -- --list names them`);
  const [scenario] = found;
  const ours = scenario?.targets.find((each) => (wanted === undefined ? each.peer === 'tulle' : each.name === wanted));
  if (scenario === undefined || ours === undefined) throw new Error(`${wanted ?? 'tulle'} is not measured in ${name}`);
  if (hop !== 'in' && hop !== 'out') throw new Error(`--hop ${hop}: in or out`);
  if (spawnSync('perf', ['version']).status !== 0) throw new Error('perf is needed (package linux-perf)');
  const missing = scenario.tool === null ? null : missingTool(scenario.tool);
  if (missing !== null) throw new Error(missing);
  keepPriority();
  const bench = new WatchedBench({ against: null, flags: ['--perf-basic-prof'] }, new AbortController().signal);
  try {
    const load = scenario.measure({ bench, target: ours, times });
    while (bench.pair === null) await Promise.race([pause(50), load]);
    await pause((times.warmUpSeconds + 1) * 1000);
    const pid = bench.pair.servers[hop === 'in' ? 0 : 1]?.pids()[0] ?? 0;
    const data = join(bench.folder, 'perf.data');
    const perf = ['record', '-q', '-F', '1999', '-g', '-p', `${pid}`, '-o', data, '--', 'sleep', `${recordSeconds}`];
    execFileSync('perf', perf, { stdio: 'ignore' });
    await load;
    const script = execFileSync('perf', ['script', '-i', data, '-F', 'comm,pid,time,event,ip,sym,dso'], {
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
    });
    const stacks = parseStacks(script);
    writeFileSync(resolve(out), flameGraph(`${ours.name}, ${hop}, under ${name}`, stacks));
    const kernel = shareOf(stacks, (frame) => frame.startsWith('[kernel]'));
    const code = shareOf(stacks, (frame) => / (?:sidecar|shared)\//.test(frame));
    console.log(
      `${out}: kernel ${kernel.toFixed(0)} %, below our code ${code.toFixed(0)} % (its calls into Node and the kernel included)`,
    );
  } finally {
    await bench.close({ keep: false });
  }
}
