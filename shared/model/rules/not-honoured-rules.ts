import type { NotHonoured } from '../not-honoured.ts';
import type { Field } from './field.ts';
import type { Report } from './report.ts';

const notHonouredCode = 'TUL0103';

/** A table of paths, made a tree, so that a document is walked once however long the table is. */
export type NotHonouredTree = Readonly<{
  entry?: NotHonoured | undefined;
  below: ReadonlyMap<string, NotHonouredTree>;
}>;

type MutableTree = { entry?: NotHonoured | undefined; below: Map<string, MutableTree> };

/** Makes the tree of a table. */
export function toNotHonouredTree(table: readonly NotHonoured[]): NotHonouredTree {
  const root: MutableTree = { below: new Map() };
  for (const entry of table) {
    let node = root;
    for (const step of entry.path.replaceAll('[]', '.[]').split('.')) {
      const next = node.below.get(step) ?? { below: new Map<string, MutableTree>() };
      node.below.set(step, next);
      node = next;
    }
    node.entry = entry;
  }
  return root;
}

/** Warns of every field of a document that the table has. */
export function warnOfNotHonoured(field: Field, tree: NotHonouredTree, report: Report): void {
  if (!field.isSet) return;
  const { entry, below } = tree;
  if (entry !== undefined && concerns(entry, field.value))
    report.warn(field, `is not honoured yet: ${entry.reason}`, notHonouredCode);
  for (const [step, next] of below) {
    for (const member of membersOf(field, step)) warnOfNotHonoured(member, next, report);
  }
}

function membersOf(field: Field, step: string): readonly Field[] {
  if (step === '[]') return field.items;
  return step === '*' ? field.entries.map(([, member]) => member) : [field.get(step)];
}

function concerns({ values, except }: NotHonoured, value: unknown): boolean {
  if (values !== undefined) return values.some((known) => known === value);
  return except === undefined || !except.some((known) => known === value);
}
