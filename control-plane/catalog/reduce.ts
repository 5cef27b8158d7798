import { isDeepStrictEqual } from 'node:util';
import type { Catalog, CatalogEntry, Change } from './catalog.ts';

/** Applies a batch of changes. Returns the same catalog when it changes nothing. */
export function reduceCatalog(catalog: Catalog, changes: readonly Change[]): Catalog {
  const draft: Draft = {
    entries: new Map(catalog.entries),
    fileProblems: new Map(catalog.fileProblems),
    generation: catalog.generation + 1,
    isChanged: false,
    isContentChanged: false,
  };
  for (const change of changes) apply(draft, change);
  if (!draft.isChanged) return catalog;
  const entries = new Map([...draft.entries].sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    generation: draft.isContentChanged ? draft.generation : catalog.generation,
    entries,
    fileProblems: draft.fileProblems,
  };
}

type Draft = {
  entries: Map<string, CatalogEntry>;
  fileProblems: Map<string, Catalog['fileProblems'] extends ReadonlyMap<string, infer P> ? P : never>;
  generation: number;
  /** Anything that can be seen changed. */
  isChanged: boolean;
  /** A resource in force changed. */
  isContentChanged: boolean;
};

function apply(draft: Draft, change: Change): void {
  switch (change.kind) {
    case 'upsert':
      return upsert(draft, change);
    case 'invalid':
      return invalidate(draft, change);
    case 'remove':
      return remove(draft, change);
    case 'fileProblems':
      return setFileProblems(draft, change);
  }
}

function upsert(draft: Draft, change: Extract<Change, { kind: 'upsert' }>): void {
  const before = draft.entries.get(change.key);
  const isSame = before?.resource !== null && isDeepStrictEqual(before?.resource, change.resource);
  const entry: CatalogEntry = {
    key: change.key,
    // The former object stays when the content is the same: what was made of it is recognised by identity.
    resource: isSame && before !== undefined ? before.resource : change.resource,
    origin: change.origin,
    generation: isSame && before !== undefined ? before.generation : draft.generation,
    problems: [],
    warnings: change.warnings,
  };
  if (before !== undefined && isDeepStrictEqual(before, entry)) return;
  draft.entries.set(change.key, entry);
  draft.isChanged = true;
  draft.isContentChanged ||= !isSame;
}

function invalidate(draft: Draft, change: Extract<Change, { kind: 'invalid' }>): void {
  const before = draft.entries.get(change.key);
  const entry: CatalogEntry = {
    key: change.key,
    resource: before?.resource ?? null,
    origin: change.origin,
    generation: before?.generation ?? 0,
    problems: change.problems,
    warnings: before?.warnings ?? [],
  };
  if (before !== undefined && isDeepStrictEqual(before, entry)) return;
  draft.entries.set(change.key, entry);
  draft.isChanged = true;
}

function remove(draft: Draft, change: Extract<Change, { kind: 'remove' }>): void {
  const before = draft.entries.get(change.key);
  if (before === undefined || before.origin.source !== change.origin.source) return;
  draft.entries.delete(change.key);
  draft.isChanged = true;
  draft.isContentChanged ||= before.resource !== null;
}

function setFileProblems(draft: Draft, change: Extract<Change, { kind: 'fileProblems' }>): void {
  const before = draft.fileProblems.get(change.file) ?? [];
  if (isDeepStrictEqual(before, change.problems)) return;
  if (change.problems.length === 0) draft.fileProblems.delete(change.file);
  else draft.fileProblems.set(change.file, change.problems);
  draft.isChanged = true;
}
