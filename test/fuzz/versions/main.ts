/** `npm run fuzz -- [--seconds N] [--seed N] [--cases N]`: exits 1 when anything was different. */
import { parseArgs } from 'node:util';
import { describe, fuzz } from './fuzz.ts';

const usage = `npm run fuzz -- [flags]

  --seconds N  how long (default 600)
  --seed N     number of the first case (default: by the clock); each case with a difference names its own
  --cases N    at most so many cases; --seed N --cases 1 plays one again
  --lanes N    so many at a time (default 4)
`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    cases: { type: 'string', default: '1000000000' },
    lanes: { type: 'string', default: '4' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) console.log(usage);
else await run();

async function run(): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const seed = number('seed', 0);
  console.log(`seed ${seed}`);
  const options = { seed, seconds: number('seconds', 1), cases: number('cases', 1), lanes: number('lanes', 1) };
  const tell = (line: string) => console.log(line);
  const result = await fuzz({ ...options, tell, signal: stop.signal });
  table('cases', result.cases);
  table('not delivered, by what is wrong', result.refused);
  table('refusals of the sidecars: status, flags, reason', result.refusals);
  console.log(`\n${result.arrived} messages arrived as they were sent`);
  for (const line of result.complaints) console.log(`LOGGED ${line}`);
  if (result.crash !== null) console.log(`CRASH ${result.crash}`);
  const bad = result.failures.length + result.complaints.length + (result.crash === null ? 0 : 1);
  for (const each of result.unsteady) console.log(`not there a second time: ${describe(each)}`);
  console.log(bad === 0 ? 'no difference' : `${result.failures.length} cases with a difference`);
  process.exitCode = bad === 0 ? 0 : 1;
}

function table(title: string, counts: ReadonlyMap<string, number>): void {
  console.log(`\n${title}`);
  for (const [name, count] of [...counts].toSorted((a, b) => b[1] - a[1]))
    console.log(`${String(count).padStart(9)}  ${name}`);
}

function number(flag: 'seconds' | 'seed' | 'cases' | 'lanes', least: number): number {
  const value = Number(values[flag]);
  if (Number.isInteger(value) && value >= least) return value;
  console.error(`fuzz: --${flag} ${values[flag]} is not a whole number of at least ${least}\n\n${usage}`);
  process.exit(64);
}
