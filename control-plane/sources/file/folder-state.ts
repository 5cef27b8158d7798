/**
 * The memory of a folder source, pure: what each file held, and the changes that follow when a file is read again or is gone.
 *
 * Rules: a bad document leaves the last good version of its resource in force; a file with a document whose name cannot be read
 * (a syntax error) removes nothing, since the missing resource may be just that one; of two documents for one resource the one
 * in the file that sorts first holds, the other is a problem that names it.
 */
import type { Resource } from '#shared/model/resource.ts';
import { problem } from '#shared/runtime/result.ts';
import type { Change, LocatedProblem, Origin } from '../../catalog/catalog.ts';

/** One document of a file as it was read. */
export type FileDocument =
  | Readonly<{ kind: 'good'; key: string; line: number; resource: Resource; warnings: readonly LocatedProblem[] }>
  /** Its name can be told. */
  | Readonly<{ kind: 'bad'; key: string; line: number; problems: readonly LocatedProblem[] }>
  /** Nobody knows which resource it was meant to be. `isHarmless`: a kind that is reported but not an error. */
  | Readonly<{ kind: 'unknown'; line: number; isHarmless: boolean; problems: readonly LocatedProblem[] }>;

/** Per file the documents that were last read. */
export type FolderState = ReadonlyMap<string, readonly FileDocument[]>;

/** A file was read (or is gone: no documents): the new state and what it changes. */
export function readFileAgain(
  state: FolderState,
  file: string,
  documents: readonly FileDocument[] | null,
): [FolderState, Change[]] {
  const before = state.get(file) ?? [];
  const next = new Map(state);
  const now = documents === null ? [] : keepUnreadable(before, documents);
  if (documents === null) next.delete(file);
  else next.set(file, now);
  const changes: Change[] = [
    { kind: 'fileProblems', file, problems: now.flatMap((d) => (d.kind === 'unknown' ? d.problems : [])) },
  ];
  for (const key of new Set([...keysOf(before), ...keysOf(now)])) changes.push(...changeOf(next, key, file));
  return [next, changes];
}

const keysOf = (documents: readonly FileDocument[]) => documents.flatMap((d) => (d.kind === 'unknown' ? [] : [d.key]));

/** With an unreadable document in the file, resources that vanished from it stay as they were. */
function keepUnreadable(before: readonly FileDocument[], now: readonly FileDocument[]): readonly FileDocument[] {
  if (!now.some((document) => document.kind === 'unknown' && !document.isHarmless)) return now;
  const present = new Set(keysOf(now));
  return [...now, ...before.filter((document) => document.kind !== 'unknown' && !present.has(document.key))];
}

/** What holds for a key now, over all files. */
function changeOf(state: FolderState, key: string, changedFile: string): Change[] {
  const found = [...state]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([file, documents]) =>
      documents.flatMap((document) =>
        document.kind !== 'unknown' && document.key === key ? [{ file, document }] : [],
      ),
    );
  const [winner, ...others] = found;
  if (winner === undefined) return [{ kind: 'remove', key, origin: originOf(changedFile, 0) }];
  const origin = originOf(winner.file, winner.document.line);
  const changes: Change[] = [];
  if (winner.document.kind === 'good') {
    const warnings = [...winner.document.warnings, ...others.map((other) => duplicateWarning(key, winner.file, other))];
    changes.push({ kind: 'upsert', key, resource: winner.document.resource, origin, warnings });
  } else changes.push({ kind: 'invalid', key, origin, problems: winner.document.problems });
  return changes;
}

function duplicateWarning(
  key: string,
  winner: string,
  other: { file: string; document: FileDocument },
): LocatedProblem {
  const message = `${key} is also in ${other.file} line ${other.document.line}; the document in ${winner} holds`;
  return { ...problem('', message, 'TUL0103'), severity: 'warning', line: other.document.line };
}

const originOf = (file: string, line: number): Origin => ({ source: 'file', file, line });
