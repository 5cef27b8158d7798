import { CommandError, exitCodes } from '../command-error.ts';
import type { CommandContext } from '../context.ts';

/** `meshctl version`: ours, and the control plane's if one answers. */
export async function showVersion(context: CommandContext, own: string): Promise<number> {
  context.out(`meshctl        ${own} (node ${process.version})\n`);
  try {
    const { version, node } = await context.admin.get<{ version: string; node: string }>('/version');
    context.out(`control plane  ${version} (node ${node})\n`);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    context.note(error.message);
  }
  return exitCodes.ok;
}
