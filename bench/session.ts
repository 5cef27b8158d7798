/** Runs one scenario: its targets take turns, disturbed runs are repeated, and who cannot run is skipped with the reason. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import type { Sample } from './figures.ts';
import { backendTool } from './peers/backends.ts';
import { aboutTarget, missingFor, type Target } from './peers/peers.ts';
import { missingTool } from './peers/versions.ts';
import type { Scenario, Times } from './scenarios/scenario.ts';
import { summarize, withAddedLatency, type Summary } from './summary.ts';

/** How a run is made. `wants`: the targets that were asked for; `tell`: lines of progress. */
export type RunOptions = Readonly<{
  bench: Bench;
  times: Times;
  runs: number;
  maxForeignCores: number;
  against: string | null;
  wants: (target: Target) => boolean;
  tell: (line: string) => void;
}>;

export type Skipped = Readonly<{ name: string; reason: string }>;
export type ScenarioResult = Readonly<{
  scenario: Scenario;
  summaries: readonly Summary[];
  skipped: readonly Skipped[];
}>;

const attemptsPerRun = 4;

/** Measures all targets of a scenario that can be measured here. An abort gives what there is until then. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<ScenarioResult> {
  const { bench, runs, tell } = options;
  const skipped: Skipped[] = [];
  const samples = new Map<Target, Sample[]>();
  const skip = (name: string, reason: string) => {
    skipped.push({ name, reason });
    tell(`${scenario.name}: ${name} skipped: ${reason}`);
  };
  const missing = [scenario.tool, backendTool[scenario.backend]].map((tool) =>
    tool === null ? null : missingTool(tool),
  );
  const reason = missing.find((each) => each !== null);
  if (reason !== undefined) skip('all', reason);
  for (const target of reason === undefined ? scenario.targets.filter(options.wants) : []) {
    const why = missingFor(target, scenario.shape, options.against);
    if (why === null) samples.set(target, []);
    else if (target.peer !== 'against' || options.against !== null) skip(target.name, why);
  }
  for (let run = 0; run < runs; run++) {
    for (const target of samples.keys()) {
      if (bench.signal.aborted) break;
      try {
        samples.get(target)?.push(await quietRun(scenario, target, options));
      } catch (error) {
        if (bench.signal.aborted) break;
        skip(target.name, error instanceof Error ? error.message : String(error));
        samples.delete(target);
      }
    }
  }
  const measured = [...samples].filter(([, each]) => each.length > 0);
  const summaries = measured.map(([target, each]) => summarize(target.name, aboutTarget(target), each));
  return { scenario, summaries: withAddedLatency(summaries), skipped };
}

/** Measures until nobody disturbs, or takes the last try as it is. */
async function quietRun(scenario: Scenario, target: Target, options: RunOptions): Promise<Sample> {
  const { bench, times, maxForeignCores, tell } = options;
  for (let attempt = 1; ; attempt++) {
    const sample = await scenario.measure({ bench, target, times });
    if (sample.foreignCores <= maxForeignCores || attempt === attemptsPerRun || bench.signal.aborted) return sample;
    tell(`${target.name}: ${sample.foreignCores.toFixed(2)} cores busy with something else; again`);
    await pause(2000, undefined, { signal: bench.signal });
  }
}
