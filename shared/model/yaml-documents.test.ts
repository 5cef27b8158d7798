import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYamlDocuments, type DocumentRead, type YamlDocument } from './yaml-documents.ts';

function documentAt(reads: readonly DocumentRead[], index: number): YamlDocument {
  const read = reads[index];
  assert.ok(read !== undefined && 'value' in read, JSON.stringify(read));
  return read;
}

test('gives each document of a file with its line', () => {
  const reads = parseYamlDocuments('# head\na: 1\n---\n\nb: 2\n---\n# nothing\n---\nc: 3\n', 'x.yaml');
  assert.deepEqual(
    reads.map((read) => [read.index, read.line, 'value' in read && read.value]),
    [
      [0, 2, { a: 1 }],
      [1, 5, { b: 2 }],
      [2, 9, { c: 3 }],
    ],
  );
});

test('tells the line of a path, or of what is nearest above it', () => {
  const text = '---\nkind: A\nspec:\n  http:\n  - name: x\n    route:\n    - weight: 1\n  labels:\n    "a.b/c": d\n';
  const { lineOf } = documentAt(parseYamlDocuments(text, 'x.yaml'), 0);
  assert.deepEqual(
    [
      'kind',
      'spec.http[0]',
      'spec.http[0].route[0].weight',
      'spec.labels["a.b/c"]',
      'spec.http[7].x',
      'spec.nope',
      '',
    ].map(lineOf),
    [2, 5, 7, 9, 4, 3, 2],
  );
});

test('an error in one document does not disturb the others', () => {
  const text = 'a: 1\n---\nb: "open\n---\nc: [1, 2\n---\nd: 4\n---\ne: 1\ne: 2\n';
  const reads = parseYamlDocuments(text, 'x.yaml');
  assert.deepEqual(
    reads.map((read) => ('value' in read ? read.value : read.problems[0]?.path)),
    [{ a: 1 }, 'x.yaml:4', 'x.yaml:6', { d: 4 }, 'x.yaml:10'].map((wanted) => wanted),
  );
});

test('expands lists, with lines of their items', () => {
  const text = 'kind: List\napiVersion: v1\nitems:\n- kind: A\n  spec:\n    x: 1\n- kind: B\n';
  const reads = parseYamlDocuments(text, 'x.yaml');
  assert.deepEqual(
    reads.map((read) => [read.index, read.line, 'value' in read && read.value]),
    [
      [0, 4, { kind: 'A', spec: { x: 1 } }],
      [1, 7, { kind: 'B' }],
    ],
  );
  assert.equal(documentAt(reads, 0).lineOf('spec.x'), 6);
});

test('refuses aliases that blow a document up, and aliases of nothing', () => {
  const names = 'abcdefghi'.split('');
  const levels = names.map((name, at) => {
    const parent = names[at - 1];
    return `${name}: &${name} [${Array.from({ length: 9 }, () => (parent === undefined ? 'x' : `*${parent}`)).join(', ')}]`;
  });
  const [bomb] = parseYamlDocuments(levels.join('\n'), 'x.yaml');
  assert.ok(bomb !== undefined && 'problems' in bomb);
  assert.match(bomb.problems[0]?.message ?? '', /alias/i);
  const [loose] = parseYamlDocuments('a: *nope\n', 'x.yaml');
  assert.ok(loose !== undefined && 'problems' in loose);
});

test('takes JSON, directives and carriage returns', () => {
  const reads = parseYamlDocuments('%YAML 1.2\r\n---\r\na: 1\r\n---\r\n{"b": [2]}\r\n', 'x.yaml');
  assert.deepEqual(
    reads.map((read) => 'value' in read && read.value),
    [{ a: 1 }, { b: [2] }],
  );
  assert.deepEqual(parseYamlDocuments('', 'x.yaml'), []);
});
