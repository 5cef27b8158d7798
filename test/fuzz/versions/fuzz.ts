/** Plays cases one after the other in each lane, until the time or their number is over. */
import { playCase, type Kind, type Outcome } from './cases.ts';
import { World, type Lane } from './world.ts';

export type FuzzOptions = Readonly<{
  seed: number;
  seconds: number;
  /** Cases at most. */
  cases: number;
  lanes: number;
  tell: (line: string) => void;
  signal: AbortSignal;
}>;

export type FuzzResult = Readonly<{
  cases: ReadonlyMap<Kind, number>;
  /** Requests and responses that arrived as they were sent. */
  arrived: number;
  /** Why others did not, by the reference, with their number. */
  refused: ReadonlyMap<string, number>;
  /** By the sidecars' own word. */
  refusals: ReadonlyMap<string, number>;
  /** Cases with a difference. */
  failures: readonly Outcome[];
  /** Cases with a difference that was not there when they were played again. */
  unsteady: readonly Outcome[];
  crash: string | null;
  complaints: readonly string[];
}>;

/** So many cases with a difference are enough. */
const maxFailures = 20;

/** Runs it. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const world = await World.start(options.lanes);
  try {
    const run = new Run(world, options);
    await Promise.all(world.lanes.map((lane) => run.play(lane)));
    return { ...run.result, refusals: await world.refusals(), crash: world.crash, complaints: world.complaints() };
  } finally {
    await world.close();
  }
}

class Run {
  readonly result = {
    cases: new Map<Kind, number>(),
    arrived: 0,
    refused: new Map<string, number>(),
    failures: new Array<Outcome>(),
    unsteady: new Array<Outcome>(),
  };
  readonly #world: World;
  readonly #options: FuzzOptions;
  readonly #endAt: number;
  #next = 0;

  constructor(world: World, options: FuzzOptions) {
    this.#world = world;
    this.#options = options;
    this.#endAt = performance.now() + options.seconds * 1000;
  }

  async play(lane: Lane): Promise<void> {
    while (this.#goesOn()) {
      const seed = this.#options.seed + this.#next++;
      const outcome = await playCase(seed, lane);
      if (outcome.differences.length === 0) this.#count(outcome);
      else await this.#again(seed, outcome, lane);
    }
  }

  /** What a client gave up may still arrive while the next case is played: a difference is one if it is there a second time. */
  async #again(seed: number, first: Outcome, lane: Lane): Promise<void> {
    const second = await playCase(seed, lane);
    if (second.differences.length === 0) this.result.unsteady.push(first);
    this.#count(second);
  }

  #goesOn(): boolean {
    const { cases, signal } = this.#options;
    const isOver = this.#next >= cases || performance.now() >= this.#endAt || signal.aborted;
    return !isOver && this.#world.crash === null && this.result.failures.length < maxFailures;
  }

  #count(outcome: Outcome): void {
    const { result } = this;
    result.cases.set(outcome.kind, (result.cases.get(outcome.kind) ?? 0) + 1);
    result.arrived += outcome.arrived;
    for (const why of outcome.refused) result.refused.set(why, (result.refused.get(why) ?? 0) + 1);
    if (outcome.differences.length === 0) return;
    result.failures.push(outcome);
    this.#options.tell(describe(outcome));
  }
}

/** A case with a difference, for people. */
export function describe({ seed, kind, differences, input }: Outcome): string {
  const sent = `  sent ${JSON.stringify(input)}`;
  return [`seed ${seed}, ${kind}:`, ...differences.map((each) => `  ${each}`), sent]
    .map((line) => line.replace(/([^ ])\1{40,}/g, (all: string, one: string) => `${one}{${all.length}}`))
    .join('\n');
}
