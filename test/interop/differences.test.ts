/** What is written for users of differences that are meant is what the behaviour scenarios leave out of their comparison. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';

const repository = join(import.meta.dirname, '../..');

test('docs/differences.md says every difference that test/behaviour/known.yaml has, in its words', () => {
  const page = readFileSync(join(repository, 'docs/differences.md'), 'utf8').replaceAll(/\s+/g, ' ');
  const file = readFileSync(join(repository, 'test/behaviour/known.yaml'), 'utf8');
  const reasons = (parse(file) as readonly Readonly<{ reason: string }>[]).map(({ reason }) => reason);
  assert.deepEqual(
    reasons.filter((reason) => !page.includes(reason)),
    [],
  );
});
