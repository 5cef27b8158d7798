/**
 * Golden files: what `meshctl capture apply --dry-run` prints, for the settings of Istio's own golden files
 * (istio/istio tools/istio-iptables/pkg/capture/testdata) by their names, and some of ours. `UPDATE_GOLDEN=1` writes them anew.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { suite, test } from 'node:test';
import { plan } from './plan.ts';
import { captureRules } from './rules.ts';
import { goldenCases } from './rules.fixture.ts';
import { updatesGolden } from './testdata/settings.ts';

const testdata = new URL('./testdata/', import.meta.url);

suite('the rules of capture', () => {
  for (const [name, settings] of Object.entries(goldenCases)) {
    test(`${name.replaceAll('-', ' ')}: are those of its golden file`, () => {
      const path = new URL(`${name}.golden`, testdata);
      const actual = plan(settings, [4, 6]);
      if (updatesGolden) writeFileSync(path, actual);
      else assert.equal(actual, readFileSync(path, 'utf8'));
    });
  }

  test('there is no golden file without its case', () => {
    const files = readdirSync(testdata).flatMap((file) => (file.endsWith('.golden') ? [file.slice(0, -7)] : []));
    assert.deepEqual(files.toSorted(), Object.keys(goldenCases).toSorted());
  });

  test('every rule names the addresses of its own version of IP', () => {
    for (const settings of Object.values(goldenCases)) {
      for (const family of [4, 6] as const) {
        for (const { args } of captureRules(settings, family)) {
          const addresses = args.flatMap((arg) => (/^[^/]+\/\d+$/.test(arg) ? [arg.replace(/\/\d+$/, '')] : []));
          assert.deepEqual(
            addresses.map((address) => isIP(address)),
            addresses.map(() => family),
          );
        }
      }
    }
  });

  test('a chain that is jumped to has rules, or nothing would be captured where it should', () => {
    for (const settings of Object.values(goldenCases)) {
      for (const family of [4, 6] as const) {
        const rules = captureRules(settings, family);
        for (const { table, args } of rules) {
          const target = args.at(-1) ?? '';
          const isOwn = args.at(-2) === '-j' && target.startsWith('TULLE_');
          if (isOwn)
            assert.ok(
              rules.some((other) => other.table === table && other.chain === target),
              target,
            );
        }
      }
    }
  });
});
