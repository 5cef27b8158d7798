import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Resource } from '#shared/model/resource.ts';
import type { Change } from '../../catalog/catalog.ts';
import { readFileAgain, type FileDocument, type FolderState } from './folder-state.ts';

const resource = (name: string): Resource => ({
  kind: 'Service',
  apiVersion: 'v1',
  metadata: { name, namespace: 'shop', labels: {}, annotations: {} },
  spec: { ports: [{ port: 80, protocol: 'TCP' }] },
});
const good = (name: string, line = 1): FileDocument => ({
  kind: 'good',
  key: `Service/shop/${name}`,
  line,
  resource: resource(name),
  warnings: [],
});
const problems = [{ path: 'spec', message: 'is wrong', severity: 'error' as const, line: 3 }];
const bad = (name: string): FileDocument => ({ kind: 'bad', key: `Service/shop/${name}`, line: 2, problems });
const unreadable: FileDocument = { kind: 'unknown', line: 9, isHarmless: false, problems };

const summary = (changes: Change[]) =>
  changes.map((change) =>
    change.kind === 'fileProblems' ? `${change.file}: ${change.problems.length}` : `${change.kind} ${change.key}`,
  );
const after = (files: Record<string, FileDocument[]>): FolderState =>
  Object.entries(files).reduce(
    (state, [file, documents]) => readFileAgain(state, file, documents)[0],
    new Map() as FolderState,
  );

test('a document that vanished from a file is removed, the others stay', () => {
  const state = after({ 'a.yaml': [good('a'), good('b')] });
  assert.deepEqual(summary(readFileAgain(state, 'a.yaml', [good('a')])[1]), [
    'a.yaml: 0',
    'upsert Service/shop/a',
    'remove Service/shop/b',
  ]);
});

test('a bad document is told as invalid and disturbs no other', () => {
  const state = after({ 'a.yaml': [good('a'), good('b')] });
  assert.deepEqual(summary(readFileAgain(state, 'a.yaml', [bad('a'), good('b')])[1]), [
    'a.yaml: 0',
    'invalid Service/shop/a',
    'upsert Service/shop/b',
  ]);
});

test('a syntax error removes nothing', () => {
  const state = after({ 'a.yaml': [good('a'), good('b')] });
  const [next, changes] = readFileAgain(state, 'a.yaml', [good('a'), unreadable]);
  assert.deepEqual(summary(changes), ['a.yaml: 1', 'upsert Service/shop/a', 'upsert Service/shop/b']);
  assert.deepEqual(summary(readFileAgain(next, 'a.yaml', [good('a')])[1]).at(-1), 'remove Service/shop/b');
});

test('of two documents for one resource the file that sorts first holds; when it goes the other takes over', () => {
  const state = after({ 'a.yaml': [good('x')], 'b.yaml': [good('x', 4)] });
  const [, changes] = readFileAgain(state, 'b.yaml', [good('x', 4)]);
  const upsert = changes.find((change) => change.kind === 'upsert');
  assert.equal(upsert?.origin.file, 'a.yaml');
  assert.match(upsert?.warnings[0]?.message ?? '', /also in b.yaml line 4/);
  const [, afterRemoval] = readFileAgain(state, 'a.yaml', null);
  assert.equal(afterRemoval.find((change) => change.kind === 'upsert')?.origin.file, 'b.yaml');
});
