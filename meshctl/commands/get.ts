import type { ResourceItem, ResourceList } from '#shared/admin/views.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import type { CommandContext } from '../context.ts';
import { formatList } from '../output/print.ts';
import { formatProblem, isAmongAll, knownKinds, parseKind, resourceListView } from '../resource-view.ts';

/** `meshctl get KIND [NAME]`: resources with their state; problems follow on stderr. Exits 79 when something is refused. */
export async function get(context: CommandContext, kindText: string, name: string | undefined): Promise<number> {
  const list = await context.admin.get<ResourceList>(listPath(context, kindText));
  const items = sorted(
    list.items
      .filter((item) => name === undefined || item.name === name)
      .filter((item) => kindText !== 'all' || isAmongAll(item.kind) || item.problems.length > 0),
    context.sortBy,
  );
  if (name !== undefined && items.length === 0)
    throw new CommandError(exitCodes.failed, `there is no ${kindText} ${name}`);
  context.out(formatList(items, resourceListView, context.format, context.withHeaders));
  const refused = items.filter((item) => item.problems.length > 0 || item.distribution.refused.length > 0);
  for (const item of refused) for (const line of problemLines(item)) context.note(line);
  for (const { file, problems } of list.files)
    for (const problem of problems) context.note(formatProblem(file, problem));
  return refused.length > 0 ||
    list.files.some(({ problems }) => problems.some((problem) => problem.severity === 'error'))
    ? exitCodes.findings
    : exitCodes.ok;
}

function listPath(context: CommandContext, kindText: string): string {
  const query = new URLSearchParams();
  if (kindText !== 'all') {
    const kind = parseKind(kindText);
    if (kind === null)
      throw new CommandError(exitCodes.usage, `there is no kind ${kindText}`, `known: all, ${knownKinds.join(', ')}`);
    query.set('kind', kind);
  }
  if (context.namespace !== null) query.set('namespace', context.namespace);
  return `/api/v1/resources?${query}`;
}

/** Why a resource is not (everywhere) what its file says. */
export function problemLines(item: ResourceItem): string[] {
  return [
    ...item.problems.map((problem) => formatProblem(item.file, problem)),
    ...item.distribution.refused.map(({ proxy, message }) => `${item.key}: refused by ${proxy}: ${message}`),
  ];
}

function sorted(items: readonly ResourceItem[], column: string | null): readonly ResourceItem[] {
  if (column === null) return items;
  const found = resourceListView.columns.find(({ head }) => head.toLowerCase() === column.toLowerCase());
  if (found === undefined) {
    const heads = resourceListView.columns.map(({ head }) => head.toLowerCase()).join(', ');
    throw new CommandError(exitCodes.usage, `there is no column ${column}`, `sort by one of ${heads}`);
  }
  return items.toSorted((a, b) => found.cell(a).localeCompare(found.cell(b), undefined, { numeric: true }));
}
