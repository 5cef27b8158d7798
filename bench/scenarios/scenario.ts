/** What a scenario is: a load, who is put under it, what is measured and what is asked of our sidecars. */
import type { Bench } from '../bench.ts';
import type { Figure, Figures, Sample } from '../figures.ts';
import type { LoadResult } from '../loads/load-result.ts';
import type { BackendKind } from '../peers/backends.ts';
import type { Shape } from '../peers/pair.ts';
import type { Target } from '../peers/peers.ts';
import type { RunningPair } from '../peers/running-pair.ts';
import { metered, type Metered } from '../processes/meter.ts';
import type { Goal } from '../summary.ts';

/** Of one run, in seconds. */
export type Times = Readonly<{ seconds: number; warmUpSeconds: number }>;

export type Scenario = Readonly<{
  name: string;
  about: string;
  targets: readonly Target[];
  shape: Shape;
  backend: BackendKind;
  /** The load generator that it needs, by its command; null if it is our own. */
  tool: string | null;
  /** Columns of its table. */
  columns: readonly Figure[];
  plots: readonly Figure[];
  goals: readonly Goal[];
  /** Measures one target once: starts it, loads it, stops it. */
  measure: (context: Context) => Promise<Sample>;
}>;

export type Context = Readonly<{ bench: Bench; target: Target; times: Times }>;

/** Starts a target in the scenario's shape, hands it over, and stops it whatever happens. */
export async function withPair<T>(
  { bench, target }: Context,
  { shape, backend }: Readonly<{ shape: Shape; backend: BackendKind }>,
  use: (pair: RunningPair) => Promise<T>,
): Promise<T> {
  const pair = await bench.startPair(target, shape, backend);
  try {
    return await use(pair);
  } finally {
    await pair.stop();
  }
}

/** Counts what a load costs a pair. */
export function meteredPair(pair: RunningPair, load: () => Promise<LoadResult>): Promise<Metered<LoadResult>> {
  return metered(pair.servers, [pair.backend], load);
}

/** Figures of CPU for each counted thing, of rate, latency and memory. A load that got nowhere is thrown as an error. */
export function loadSample({ result, costs, foreignCores }: Metered<LoadResult>): Sample {
  const { count, seconds, latency, errors } = result;
  if (count === 0) throw new Error(`nothing came back under load ${errors}`.trim());
  return { figures: { rps: count / seconds, ...latency, ...hopFigures(costs, count) }, errors, foreignCores };
}

function hopFigures(costs: Metered<unknown>['costs'], count: number): Figures {
  const [ofIn, ofOut] = costs;
  if (ofIn === undefined || ofOut === undefined) return {};
  return {
    cpuUs: (ofIn.cpu.total + ofOut.cpu.total) / 2 / count,
    userUs: (ofIn.cpu.user + ofOut.cpu.user) / 2 / count,
    inCpuUs: ofIn.cpu.total / count,
    outCpuUs: ofOut.cpu.total / count,
    inMb: ofIn.residentMb,
    outMb: ofOut.residentMb,
    residentMb: Math.max(ofIn.residentMb, ofOut.residentMb),
  };
}

/** At most so much of what another has. */
export function ofOther(target: string, figure: Figure, limits: Readonly<Record<string, number>>): Goal[] {
  return Object.entries(limits).map(([of, limit]) => ({ target, figure, limit, of }));
}
