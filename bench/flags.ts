/** The command line of the bench. Pure. */
import { parseArgs } from 'node:util';
import { peers, type Target } from './peers/peers.ts';
import { defaultScenario, findScenarios, scenarios } from './scenarios/catalog.ts';
import type { Scenario, Times } from './scenarios/scenario.ts';

export const usage = `npm run bench -- [flags] [TARGET...]

  TARGET          a peer on every wire: ${peers.join(', ')};
                  or one on one wire, as tables name it: tulle-mux, h2-envoy-full, tcp-haproxy (default: all)
  --scenario NAME what to measure, may be repeated; NAME* for several, all for all (default ${defaultScenario})
  --list          names and says what the scenarios are
  -t SECONDS      of load a run (default 5)      -w SECONDS  of warm-up before (default 3)
  -r RUNS         of each target, interleaved (default 3)
  --foreign CORES a run is repeated when others kept more of the machine busy (default 0.25)
  --against DIR   measure the sidecars of another checkout beside ours (peer "against")
  --flags="--A --B" further flags of Node for our sidecars (not for "against")
  --report        write a page with the figures, plots and the machine's facts to bench/results/
  --polite        do not raise the priority of what is measured over the rest of the machine
  --keep          keep the folder of configurations and logs
`;

/** What is to be done. */
export type Flags = Readonly<{
  kind: 'run';
  scenarios: readonly Scenario[];
  wants: (target: Target) => boolean;
  times: Times;
  runs: number;
  maxForeignCores: number;
  against: string | null;
  nodeFlags: readonly string[];
  report: boolean;
  polite: boolean;
  keep: boolean;
}>;

/** Reads the arguments; an error is one line that says what is wrong. */
export function parseFlags(
  args: readonly string[],
): Flags | Readonly<{ kind: 'help' | 'list' }> | Readonly<{ kind: 'error'; error: string }> {
  try {
    return readFlags(args);
  } catch (error) {
    return { kind: 'error', error: error instanceof Error ? error.message : String(error) };
  }
}

function readFlags(args: readonly string[]): Flags | Readonly<{ kind: 'help' | 'list' }> {
  const { values, positionals } = parse(args);
  if (values.help) return { kind: 'help' };
  if (values.list) return { kind: 'list' };
  const chosen = findScenarios(values.scenario);
  if ('unknown' in chosen) throw new Error(`no scenario ${chosen.unknown}: --list names them`);
  for (const name of positionals) {
    const isKnown = scenarios.some(({ targets }) =>
      targets.some((target) => target.name === name || target.peer === name),
    );
    if (!isKnown) throw new Error(`${name} is none of ${peers.join(', ')} or of those on a wire`);
  }
  return {
    kind: 'run',
    scenarios: chosen,
    wants: ({ name, peer }) => positionals.length === 0 || positionals.includes(name) || positionals.includes(peer),
    times: { seconds: number('-t', values.seconds), warmUpSeconds: number('-w', values['warm-up']) },
    runs: number('-r', values.runs),
    maxForeignCores: number('--foreign', values.foreign),
    against: values.against ?? null,
    nodeFlags: values.flags.split(' ').filter((flag) => flag !== ''),
    report: values.report,
    polite: values.polite,
    keep: values.keep,
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      scenario: { type: 'string', short: 's', multiple: true, default: [defaultScenario] },
      list: { type: 'boolean', default: false },
      seconds: { type: 'string', short: 't', default: '5' },
      'warm-up': { type: 'string', short: 'w', default: '3' },
      runs: { type: 'string', short: 'r', default: '3' },
      foreign: { type: 'string', default: '0.25' },
      against: { type: 'string' },
      flags: { type: 'string', default: '' },
      report: { type: 'boolean', default: false },
      polite: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
}

function number(flag: string, text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value <= 0) throw new Error(`${flag} ${text} is not a positive number`);
  return value;
}
