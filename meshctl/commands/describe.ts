import type { ResourceItem } from '#shared/admin/views.ts';
import { stringify } from 'yaml';
import { CommandError, exitCodes } from '../command-error.ts';
import type { CommandContext } from '../context.ts';
import { formatObject } from '../output/print.ts';
import { formatProblem, parseKind, statusOf } from '../resource-view.ts';

/** `meshctl describe KIND NAME`: one resource with where it comes from, how far it has come, its problems and its text. */
export async function describe(context: CommandContext, kindText: string, name: string): Promise<number> {
  const kind = parseKind(kindText);
  if (kind === null) throw new CommandError(exitCodes.usage, `there is no kind ${kindText}`);
  const namespace = context.namespace ?? 'default';
  const item = await context.admin.get<ResourceItem>(
    `/api/v1/resources/${kind}/${namespace}/${encodeURIComponent(name)}`,
  );
  const isText = context.format === 'table' || context.format === 'wide';
  context.out(isText ? text(item) : formatObject(item, context.format));
  return item.problems.length > 0 ? exitCodes.findings : exitCodes.ok;
}

function text(item: ResourceItem): string {
  const lines = [
    `Name:        ${item.name}`,
    `Namespace:   ${item.namespace}`,
    `Kind:        ${item.kind} (${item.apiVersion})`,
    `Source:      ${item.file}:${item.line}`,
    `Generation:  ${item.generation}`,
    `Status:      ${statusOf(item)}`,
    ...list(
      'Problems:',
      item.problems.map((problem) => formatProblem(item.file, problem)),
    ),
    ...list(
      'Refused by:',
      item.distribution.refused.map(({ proxy, message }) => `${proxy}: ${message}`),
    ),
    ...list(
      'Warnings:',
      item.warnings.map((problem) => formatProblem(item.file, problem)),
    ),
    'In force:',
    ...(item.resource === null || item.resource === undefined
      ? ['  nothing']
      : stringify(item.resource)
          .trimEnd()
          .split('\n')
          .map((line) => `  ${line}`)),
  ];
  return `${lines.join('\n')}\n`;
}

const list = (head: string, items: readonly string[]) =>
  items.length === 0 ? [] : [head, ...items.map((item) => `  ${item}`)];
