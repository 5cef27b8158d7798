import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { corpus, corpusFacts, corpusPods } from './corpus.fixture.ts';
import { inject } from './inject.ts';
import { updatesGolden } from './testdata/settings.ts';

/** Typical pods as they come out, native and classic. UPDATE_GOLDEN=1 writes them anew: read the difference by eye. */

const typical = [
  'hello-probes.yaml',
  'job.yaml',
  'proxy-override.yaml',
  'traffic-annotations.yaml',
  'hello-openshift-tproxy.yaml',
];
const folder = new URL('./testdata/', import.meta.url);

for (const one of corpus.filter(({ file }) => typical.includes(file))) {
  for (const isNative of [true, false]) {
    const name = `${one.file.replace('.yaml', '')}.${isNative ? 'native' : 'classic'}.yaml`;
    test(`the pod is that of testdata/${name}`, () => {
      const pods = corpusPods(one.file).map((template) => {
        const result = inject(template.pod, corpusFacts(one, template, isNative), one.settings);
        assert.ok(result.ok);
        return stringify(result.value.pod, { lineWidth: 0, aliasDuplicateObjects: false });
      });
      const text = pods.join('---\n');
      const file = new URL(name, folder);
      if (updatesGolden) writeFileSync(file, text);
      assert.ok(existsSync(file), `${name} is not there: UPDATE_GOLDEN=1 writes it`);
      assert.equal(text, readFileSync(file, 'utf8'));
    });
  }
}
