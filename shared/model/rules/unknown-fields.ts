import type { Field } from './field.ts';
import type { KnownFields } from './known-fields.ts';
import type { Report } from './report.ts';

const unknownFieldCode = 'TUL0104';
const maxTypoEdits = 2;

/** Reports every field of a value that is not among the known ones, with the known name that was perhaps meant. */
export function refuseUnknownFields(field: Field, known: KnownFields, report: Report): void {
  switch (known.kind) {
    case 'leaf':
      return;
    case 'list':
      for (const item of field.items) refuseUnknownFields(item, known.elements, report);
      return;
    case 'map':
      for (const [, member] of field.entries) refuseUnknownFields(member, known.values, report);
      return;
    case 'object':
      for (const [name, member] of field.entries) {
        const below = known.members.get(name);
        if (below !== undefined) refuseUnknownFields(member, below, report);
        else refuseUnknownName(name, member, [...known.members.keys()], report);
      }
  }
}

/** Reports a member by a name that is not known. */
export function refuseUnknownName(name: string, member: Field, known: readonly string[], report: Report): void {
  const meant = closest(name, known);
  const hint = meant === undefined ? `known here: ${known.toSorted().join(', ')}` : `perhaps ${meant} is meant`;
  report.error(member, `is not a known field; ${hint}`, unknownFieldCode);
}

function closest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase().replaceAll(/[_-]/g, '');
  if (lower.length > 64) return undefined;
  const ranked = known
    .map((candidate) => ({ candidate, edits: editDistance(lower, candidate.toLowerCase()) }))
    .filter(({ edits }) => edits <= maxTypoEdits)
    .toSorted((a, b) => a.edits - b.edits);
  return ranked[0]?.candidate;
}

/** Levenshtein's distance, a row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + Number(a[i - 1] !== b[j - 1]);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
