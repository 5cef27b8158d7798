/**
 * Runs the tests: `node test/run.ts unit|integration|all [pattern...]`. Prints node's spec report, the skipped tests with
 * their reasons, and `N passed, N failed` alone on the last line. Exits 1 if a test failed or none ran.
 */
import { globSync } from 'node:fs';
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

const execArgv = ['--import', './test/support/transport.ts'];
const stream = run({
  files,
  concurrency: group === 'kubernetes' ? 1 : 2,
  timeout: group === 'kubernetes' ? 900_000 : 300_000,
  execArgv,
});
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
stream.compose(new spec()).pipe(process.stdout);
stream.on('end', () => {
  setImmediate(() => {
    for (const line of skipped) console.log(`SKIPPED ${line}`);
    for (const line of failures) console.log(`FAILED ${line}`);
    console.log(`${passed} passed, ${failed} failed`);
    process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  });
});
