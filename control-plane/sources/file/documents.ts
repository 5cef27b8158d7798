/** Writing and deleting documents in the watched folder, for `meshctl apply` and `meshctl delete`. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import type { Resource } from '#shared/model/resource.ts';
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import { readDocuments } from './read-documents.ts';

export type Applied = Readonly<{
  key: string;
  outcome: 'created' | 'configured' | 'unchanged';
  file: string;
  warnings: readonly string[];
}>;

/** Checks all documents of a text; if all are good, writes each to KIND/NAMESPACE/NAME.yaml, or where it lies already. */
export async function applyDocuments(
  text: string,
  catalog: Catalog,
  folder: string,
  dryRun: boolean,
): Promise<Result<readonly Applied[]>> {
  const documents = readDocuments(text, '-');
  const problems: Problem[] = [];
  for (const document of documents) {
    if (document.kind !== 'good') {
      const errors = document.problems.filter((found) => document.kind === 'bad' || found.severity === 'error');
      problems.push(...(errors.length === 0 ? document.problems : errors));
    }
  }
  if (documents.length === 0) problems.push(problem('', 'there is no document'));
  if (problems.length > 0) return fail(problems);
  const applied: Applied[] = [];
  for (const document of documents) {
    if (document.kind !== 'good') continue;
    const result = await applyOne(document.resource, catalog, folder, dryRun);
    if (!result.ok) return result;
    applied.push({ ...result.value, warnings: document.warnings.map(({ path, message }) => `${path}: ${message}`) });
  }
  return ok(applied);
}

async function applyOne(
  resource: Resource,
  catalog: Catalog,
  folder: string,
  dryRun: boolean,
): Promise<Result<Omit<Applied, 'warnings'>>> {
  const { kind, metadata } = resource;
  const key = `${kind}/${metadata.namespace}/${metadata.name}`;
  const before = catalog.entries.get(key);
  if (before !== undefined && before.origin.source !== 'file') {
    return fail([problem(key, `belongs to ${before.origin.source}: it cannot be applied`)]);
  }
  const ownFile = `${key}.yaml`;
  const file = before?.origin.file ?? ownFile;
  if (before?.resource !== undefined && before.problems.length === 0 && isDeepStrictEqual(before.resource, resource)) {
    return ok({ key, outcome: 'unchanged', file });
  }
  if (file !== ownFile && (await holdsSeveral(join(folder, file)))) {
    return fail([problem(key, `lies in ${file} with other documents: edit it there`)]);
  }
  if (!dryRun) await writeWhole(join(folder, file), stringify(resource));
  return ok({ key, outcome: before === undefined ? 'created' : 'configured', file });
}

async function holdsSeveral(path: string): Promise<boolean> {
  return readDocuments(await readFile(path, 'utf8'), path).length > 1;
}

/** Deletes the file of a resource that lies in one of its own. */
export async function deleteDocument(key: string, catalog: Catalog, folder: string): Promise<Result<string>> {
  const entry = catalog.entries.get(key);
  if (entry === undefined) return fail([problem(key, 'does not exist')]);
  if (entry.origin.source !== 'file') return fail([problem(key, `belongs to ${entry.origin.source}`)]);
  const path = join(folder, entry.origin.file);
  if (await holdsSeveral(path))
    return fail([problem(key, `lies in ${entry.origin.file} with other documents: delete it there`)]);
  await rm(path);
  return ok(key);
}

/** A file is there whole or not at all: the watcher never reads half of it. */
async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text);
  await rename(temporary, path);
}
