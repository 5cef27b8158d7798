/** The short form of `npm run fuzz`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describe, fuzz } from './fuzz.ts';

test('what is sent in one version of HTTP arrives as it was sent in another, or is refused', async (context) => {
  const seed = 20_261_126;
  const options = { seed, seconds: 30, cases: 1e9, lanes: 4, tell: () => undefined, signal: context.signal };
  const result = await fuzz(options);
  const count = [...result.cases.values()].reduce((sum, each) => sum + each, 0);
  context.diagnostic(`${count} cases from seed ${seed}, ${result.arrived} messages arrived as they were sent`);
  for (const each of result.unsteady) context.diagnostic(`not there a second time: ${describe(each)}`);
  assert.deepEqual([result.crash, result.complaints], [null, []]);
  assert.equal(result.failures.length, 0, result.failures.map(describe).join('\n'));
  assert.ok(count > 200 && result.arrived > count / 10, `${count} cases, ${result.arrived} messages`);
});
