/**
 * Golden files: `testdata/in/CASE.yaml` -> `testdata/out/CASE.{clusters,endpoints,listeners,routes,names}.yaml`. An input may hold a
 * document `Expect` that names, by type, the resources that the case is about (`*` at the end stands for anything; a type
 * that it leaves out is not written). `UPDATE_GOLDEN=1` writes the files anew: read the difference by eye.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeMessage, encodeMessage } from '#shared/xds/codec.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { parseAllDocuments, stringify } from 'yaml';
import { updatesGolden } from './testdata/settings.ts';
import { readCase } from './test-support.ts';
import { indexMesh, translate } from './translate.ts';

const testdata = new URL('./testdata/', import.meta.url);
const types = {
  clusters: typeUrls.cluster,
  endpoints: typeUrls.endpoints,
  listeners: typeUrls.listener,
  routes: typeUrls.routes,
  names: typeUrls.nameTable,
} as const;

type Expectation = Readonly<Partial<Record<keyof typeof types, readonly string[]>>>;

for (const file of readdirSync(new URL('in/', testdata)).toSorted()) {
  const name = file.replace(/\.yaml$/, '');
  test(`${name.replaceAll('-', ' ')}: translates as its golden files say`, () => {
    const text = readFileSync(new URL(`in/${file}`, testdata), 'utf8');
    const { resources, node } = readCase(text);
    const translated = translate(indexMesh(resources), node);
    for (const message of [...translated.values()].flatMap((named) => [...named.values()])) {
      assert.deepEqual(
        decodeMessage(message['@type'], encodeMessage(message)),
        message,
        'is what its proto can say, and nothing at its default',
      );
    }
    for (const [type, typeUrl] of Object.entries(types)) {
      const wanted = expectation(text)?.[type as keyof typeof types];
      const path = new URL(`out/${name}.${type}.yaml`, testdata);
      const actual = render([...(translated.get(typeUrl) ?? [])].filter(([key]) => isWanted(wanted, text, key)));
      if (updatesGolden) {
        rmSync(path, { force: true });
        if (actual !== '') {
          writeFileSync(path, actual);
        }
      } else {
        assert.equal(actual, existsSync(path) ? readFileSync(path, 'utf8') : '', `${name}.${type}`);
      }
    }
  });
}

function expectation(text: string): Expectation | undefined {
  const documents = parseAllDocuments(text).map((document) => document.toJS() as Record<string, unknown>);
  return documents.find(({ kind }) => kind === 'Expect');
}

function isWanted(patterns: readonly string[] | undefined, text: string, key: string): boolean {
  if (patterns === undefined) {
    return expectation(text) === undefined;
  }
  return patterns.some((pattern) => (pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : key === pattern));
}

function render(resources: readonly (readonly [string, unknown])[]): string {
  const sorted = resources.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([, message]) => stringify(message, { aliasDuplicateObjects: false, lineWidth: 0 })).join('---\n');
}
