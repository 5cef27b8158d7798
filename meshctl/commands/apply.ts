import type { AppliedResource } from '#shared/admin/views.ts';
import type { CommandContext } from '../context.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import { readInput } from '../read-input.ts';
import { parseKind } from '../resource-view.ts';

/** `meshctl apply -f`: all documents of all files, or none if one is refused. */
export async function apply(context: CommandContext, paths: readonly string[], dryRun: boolean): Promise<number> {
  const text = readInput(paths)
    .map((input) => input.text)
    .join('\n---\n');
  const applied = await context.admin.change<readonly AppliedResource[]>(
    'PUT',
    `/api/v1/resources${dryRun ? '?dryRun=true' : ''}`,
    text,
  );
  for (const { key, outcome, warnings } of applied) {
    context.out(`${key} ${outcome}${dryRun ? ' (dry run)' : ''}\n`);
    for (const warning of warnings) context.note(`warning: ${key}: ${warning}`);
  }
  return exitCodes.ok;
}

/** `meshctl delete KIND NAME`. */
export async function remove(context: CommandContext, kindText: string, name: string): Promise<number> {
  const kind = parseKind(kindText);
  if (kind === null) throw new CommandError(exitCodes.usage, `there is no kind ${kindText}`);
  const namespace = context.namespace ?? 'default';
  await context.admin.change('DELETE', `/api/v1/resources/${kind}/${namespace}/${encodeURIComponent(name)}`);
  context.out(`${kind}/${namespace}/${name} deleted\n`);
  return exitCodes.ok;
}
