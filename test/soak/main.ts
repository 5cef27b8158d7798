/** `npm run soak -- [--minutes N] [--rotation-seconds N] [--push-seconds N]`: exits 1 when something failed or grew. */
import { parseArgs } from 'node:util';
import { soak, type SoakOptions } from './soak.ts';
import { problemsOf, tableOf } from './verdict.ts';

const usage = `npm run soak -- [flags]

  --minutes N           how long (default 10)
  --rotation-seconds N  how often certificates are renewed, at least 15 (default 60)
  --push-seconds N      how often the configuration is edited (default 5)
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    'rotation-seconds': { type: 'string', default: '60' },
    'push-seconds': { type: 'string', default: '5' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) console.log(usage);
else await run();

async function run(): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const options: SoakOptions = {
    seconds: Math.round(60 * number('minutes', 0.2)),
    rotationSeconds: number('rotation-seconds', 15),
    pushSeconds: Math.round(number('push-seconds', 1)),
    tell: (line) => console.log(line),
    signal: stop.signal,
  };
  const result = await soak(options);
  console.log(`\n${tableOf(result)}\n`);
  const problems = stop.signal.aborted ? ['it was stopped'] : problemsOf(result, options);
  for (const problem of problems) console.log(`PROBLEM ${problem}`);
  if (problems.length === 0) console.log('no call failed, no process grew');
  process.exitCode = problems.length > 0 ? 1 : 0;
}

function number(flag: 'minutes' | 'rotation-seconds' | 'push-seconds', least: number): number {
  const value = Number(values[flag]);
  if (Number.isFinite(value) && value >= least) return value;
  console.error(`soak: --${flag} ${values[flag]} is not a number of at least ${least}\n\n${usage}`);
  process.exit(64);
}
