/** What is written for users of differences that are meant is what the tests leave out of their comparison. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { known } from './differential/known.ts';

const repository = join(import.meta.dirname, '../..');
const page = readFileSync(join(repository, 'docs/differences.md'), 'utf8').replaceAll(/\s+/g, ' ');

test('docs/differences.md says every difference that the table of Envoy and our sidecar leaves out', () => {
  const missing = known.map(({ reason }) => reason).filter((reason) => !page.includes(reason));
  assert.deepEqual(missing, []);
});

test('docs/differences.md says every difference that the behaviour scenarios leave out', () => {
  const file = readFileSync(join(repository, 'test/behaviour/known.yaml'), 'utf8');
  const reasons = (parse(file) as readonly Readonly<{ reason: string }>[]).map(({ reason }) => reason);
  assert.deepEqual(
    reasons.filter((reason) => !page.includes(reason)),
    [],
  );
});
