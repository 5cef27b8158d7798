/**
 * Runs the tests: `node test/run.ts unit|integration|all [pattern...]`. Prints node's spec report, the skipped tests with
 * their reasons, and `N passed, N failed` alone on the last line. Exits 1 if a test failed or none ran.
 */
import { globSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const [group = 'all', ...patterns] = process.argv.slice(2);
const unit = ['shared', 'control-plane', 'sidecar', 'meshctl', 'order-service', 'bench'].map(
  (f) => `${f}/**/*.test.ts`,
);
const groups: Record<string, string[]> = {
  unit: [...unit, 'test/*.test.ts'],
  integration: ['test/{contract,integration,fuzz}/**/*.test.ts'],
  interop: ['test/{interop,e2e,soak}/**/*.test.ts'],
};
groups['all'] = Object.values(groups).flat();
// Clusters of their own, one at a time: minutes, and not part of `npm test`.
groups['kubernetes'] = ['test/kubernetes/**/*.test.ts'];
const globs = groups[group];
if (globs === undefined) {
  console.error(`test/run.ts: no group '${group}': use one of ${Object.keys(groups).join(', ')}`);
  process.exit(64);
}
const files = globSync(globs)
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .sort();

let passed = 0;
let failed = 0;
const skipped: string[] = [];
const failures: string[] = [];
const isSuite = (data: { details?: { type?: string } }) => data.details?.type === 'suite';

/** Whole meshes and clusters, each of many processes: beside another such test they get no processor in time. */
const isAlone = (file: string) => /^test\/(e2e|kubernetes)\//.test(file);
const phases = [
  { files: files.filter((file) => !isAlone(file)), concurrency: 2, timeout: 300_000 },
  { files: files.filter(isAlone), concurrency: 1, timeout: 900_000 },
];
for (const phase of phases) if (phase.files.length > 0) await runPhase(phase);

for (const line of skipped) console.log(`SKIPPED ${line}`);
for (const line of failures) console.log(`FAILED ${line}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

async function runPhase(phase: (typeof phases)[number]): Promise<void> {
  // At full length some take as long as they take.
  if (process.env['TULLE_KUBERNETES_FULL'] === undefined)
    process.env['TULLE_TEST_LIMIT_MS'] = String(phase.timeout + 10_000);
  const preloaded = ['transport', 'time-limit'].flatMap((name) => ['--import', `./test/support/${name}.ts`]);
  const stream = run({ ...phase, execArgv: preloaded });
  stream.on('test:pass', (data) => {
    // A suite that is skipped has no tests that could be.
    if (data.skip !== undefined && data.skip !== false) {
      skipped.push(`${data.file ?? ''}: ${data.name}: ${data.skip === true ? 'skipped' : data.skip}`);
    } else if (isSuite(data)) {
      return;
    } else if (data.file === undefined || data.name !== data.file) passed++;
  });
  stream.on('test:fail', (data) => {
    if (isSuite(data)) return;
    failed++;
    failures.push(`${data.file ?? ''}: ${data.name}`);
  });
  stream.compose(new spec()).pipe(process.stdout, { end: false });
  await finished(stream);
  // What was printed about it goes first.
  await new Promise((resolve) => setImmediate(resolve));
}
