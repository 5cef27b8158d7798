import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { systemClock } from '#shared/runtime/clock.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { emptyCatalog, type Catalog } from '../../catalog/catalog.ts';
import { reduceCatalog } from '../../catalog/reduce.ts';
import { applyDocuments, deleteDocument } from './documents.ts';
import { FolderSource } from './folder-source.ts';
import { readDocuments } from './read-documents.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const service = (name: string, port = 80) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: shop}\nspec:\n  ports: [{port: ${port}, name: http}]\n`;
const badService = (name: string) => service(name).replace('80', 'none');

async function aFolder(files: Record<string, string> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-folder-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

/** A folder that is watched, and the catalog that follows from it. */
async function watched(files: Record<string, string> = {}) {
  const folder = await aFolder(files);
  const warnings: string[] = [];
  let catalog: Catalog = emptyCatalog;
  const source = new FolderSource(folder, systemClock, (message) => warnings.push(message));
  await source.start((changes) => (catalog = reduceCatalog(catalog, changes)));
  cleanUps.push(() => source.close());
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  return { folder, source, warnings, write, catalog: () => catalog, rescan: () => source.rescan() };
}

const portOf = (catalog: Catalog, name: string): number | undefined => {
  const resource = catalog.entries.get(`Service/shop/${name}`)?.resource;
  return resource?.kind === 'Service' ? resource.spec.ports[0]?.port : undefined;
};

test('everything that is there is told at the start; what is hidden or no configuration is not read', async () => {
  const { catalog } = await watched({
    'a.yaml': `${service('a')}---\n${service('b')}`,
    'deep/er/c.yml': service('c'),
    'd.json': JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'd', namespace: 'shop' },
      spec: { ports: [{ port: 80 }] },
    }),
    '.hidden/e.yaml': service('e'),
    'notes.txt': service('f'),
  });
  assert.deepEqual(
    [...catalog().entries.keys()].sort(),
    ['a', 'b', 'c', 'd'].map((name) => `Service/shop/${name}`),
  );
  assert.deepEqual(catalog().entries.get('Service/shop/b')?.origin, { source: 'file', file: 'a.yaml', line: 7 });
});

test('a change is seen by itself, and one moved in as well', async () => {
  const { folder, write, catalog } = await watched({ 'a.yaml': service('a') });
  await write('a.yaml', service('a', 81));
  await eventually(() => portOf(catalog(), 'a') === 81);
  await write('a.tmp', service('a', 82));
  await rename(join(folder, 'a.tmp'), join(folder, 'a.yaml'));
  await eventually(() => portOf(catalog(), 'a') === 82);
});

test('a broken document keeps its last good form, with file and line; the others of its file go on', async () => {
  const { write, catalog, rescan } = await watched({ 'a.yaml': `${service('a')}---\n${service('b')}` });
  await write('a.yaml', `${service('a', 81)}---\n${badService('b')}`);
  await rescan();
  const broken = catalog().entries.get('Service/shop/b');
  assert.deepEqual([portOf(catalog(), 'a'), portOf(catalog(), 'b')], [81, 80]);
  assert.equal(broken?.problems[0]?.path, 'spec.ports[0].port');
  assert.deepEqual([broken.origin.file, broken.origin.line, broken.problems[0]?.line], ['a.yaml', 7, 11]);
});

test('a syntax error removes nothing, and is told for its file until it is mended', async () => {
  const { write, catalog, rescan } = await watched({ 'a.yaml': service('a') });
  await write('a.yaml', 'kind: [Service\n');
  await rescan();
  assert.equal(portOf(catalog(), 'a'), 80);
  assert.equal(catalog().fileProblems.get('a.yaml')?.length, 1);
  await write('a.yaml', service('a', 81));
  await rescan();
  assert.deepEqual([portOf(catalog(), 'a'), catalog().fileProblems.get('a.yaml') ?? []], [81, []]);
});

test('a file that goes takes its resources along', async () => {
  const { folder, catalog } = await watched({ 'a.yaml': service('a'), 'b.yaml': service('b') });
  await rm(join(folder, 'a.yaml'));
  await eventually(() => catalog().entries.size === 1);
  assert.equal(portOf(catalog(), 'b'), 80);
});

test('once closed it tells nothing more', async () => {
  const { source, write, catalog } = await watched();
  await source.close();
  await write('a.yaml', service('a'));
  await source.rescan();
  assert.equal(catalog(), emptyCatalog);
});

test('documents are applied each to its own file, or where they lie, and deleted', async () => {
  const { folder, catalog, rescan } = await watched({ 'many.yaml': `${service('a')}---\n${service('b')}` });
  const apply = async (text: string, dryRun = false) => {
    const result = await applyDocuments(text, catalog(), folder, dryRun);
    await rescan();
    return result.ok
      ? result.value.map(({ outcome, file }) => `${outcome} ${file}`)
      : result.problems.map(({ path, message }) => `${path} ${message}`);
  };
  const own = 'Service/shop/c.yaml';
  assert.deepEqual(await apply(service('c'), true), [`created ${own}`]);
  assert.equal(catalog().entries.has('Service/shop/c'), false);
  assert.deepEqual(await apply(service('c')), [`created ${own}`]);
  assert.deepEqual(await apply(service('c')), [`unchanged ${own}`]);
  assert.deepEqual(await apply(service('c', 81)), [`configured ${own}`]);
  assert.equal(portOf(catalog(), 'c'), 81);
  assert.match((await apply(service('a', 81))).join(), /lies in many\.yaml with other documents: edit it there/);
  assert.match((await apply(`${service('d')}---\n${badService('e')}`)).join(), /spec\.ports/);
  assert.equal(catalog().entries.has('Service/shop/d'), false);
  assert.deepEqual(await apply(''), [' there is no document']);
  const remove = (name: string) => deleteDocument(`Service/shop/${name}`, catalog(), folder);
  assert.equal((await remove('nobody')).ok, false);
  assert.equal((await remove('a')).ok, false);
  assert.equal((await remove('c')).ok, true);
  await rescan();
  assert.equal(catalog().entries.has('Service/shop/c'), false);
});

test('a name that leads out of the folder is no name', async () => {
  const { folder, catalog } = await watched();
  for (const metadata of ['{name: a, namespace: ../../x}', '{name: ../a, namespace: shop}', '{name: a/b}']) {
    const text = service('a').replace('{name: a, namespace: shop}', metadata);
    assert.equal((await applyDocuments(text, catalog(), folder, false)).ok, false, metadata);
  }
});

test('what a document is not can be told: of a name, or of nobody', () => {
  const kinds = readDocuments(
    [
      badService('a'),
      'kind: Nonsense\nmetadata: {name: a}\n',
      'just text\n',
      'apiVersion: v1\nkind: Service\nspec: {}\n',
    ].join('---\n'),
    'a.yaml',
  ).map((document) => `${document.kind} ${document.line}`);
  assert.deepEqual(kinds, ['bad 1', 'bad 7', 'unknown 10', 'unknown 12']);
});
