/**
 * `npm run bench -- [flags] [TARGET...]`: CPU, latency and memory of our sidecar pair beside pairs of Envoy, nginx and haproxy that
 * do the same work, all in one run, interleaved. Starts everything itself (certificates, backend, proxies, load) and stops it again.
 *
 * scenarios/ say what is measured, peers/ who and how configured, loads/ make the load, processes/ start, stop and count;
 * session.ts runs one scenario, summary.ts makes medians and judges goals, report/ writes them.
 */
import { resolve } from 'node:path';
import { Bench } from './bench.ts';
import { parseFlags, usage, type Flags } from './flags.ts';
import { aboutTarget, peers, target } from './peers/peers.ts';
import { keepPriority, raisePriority } from './processes/server-process.ts';
import { machineFacts } from './report/machine.ts';
import { formatTable, tableOf } from './report/table.ts';
import { writeReport } from './report/write-report.ts';
import { scenarios } from './scenarios/catalog.ts';
import { runScenario, type ScenarioResult } from './session.ts';
import { judge, verdictText } from './summary.ts';

const flags = parseFlags(process.argv.slice(2));
switch (flags.kind) {
  case 'help':
    console.log(usage);
    break;
  case 'list':
    for (const { name, about, targets } of scenarios) {
      console.log(`${name.padEnd(22)} ${about}`);
      console.log(`${''.padEnd(22)} ${targets.map((each) => each.name).join(', ')}`);
    }
    console.log('\nPeers:');
    for (const peer of peers) console.log(`${peer.padEnd(22)} ${aboutTarget(target(peer, 'http1'))}`);
    break;
  case 'error':
    console.error(`bench: ${flags.error}\n\n${usage}`);
    process.exitCode = 64;
    break;
  case 'run':
    await run(flags);
}

async function run({ against: folder, ...flags }: Flags): Promise<void> {
  const against = folder === null ? null : resolve(process.env['INIT_CWD'] ?? process.cwd(), folder);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  if (flags.polite) keepPriority();
  else raisePriority(process.pid);
  const bench = new Bench({ against, flags: flags.nodeFlags }, stop.signal);
  const results: ScenarioResult[] = [];
  try {
    const tell = (line: string) => console.error(line);
    for (const scenario of flags.scenarios) {
      if (stop.signal.aborted) break;
      const result = await runScenario(scenario, { ...flags, bench, against, tell });
      results.push(result);
      print(result);
    }
  } finally {
    await bench.close(flags);
    if (flags.keep) console.log(`kept: ${bench.folder}`);
  }
  const facts = machineFacts();
  for (const fact of facts) console.log(fact);
  if (stop.signal.aborted) process.exitCode = 130;
  else if (flags.report) console.log(`report: ${writeReport({ results, facts, ...flags, at: new Date() })}`);
}

function print({ scenario, summaries }: ScenarioResult): void {
  console.log(`\n${scenario.name}: ${scenario.about}`);
  if (summaries.length === 0) return;
  console.log(formatTable(tableOf(scenario, summaries)));
  for (const { name, errors } of summaries) for (const error of errors) console.log(`${name}: ${error}`);
  for (const verdict of judge(scenario.goals, summaries)) console.log(verdictText(verdict));
}
