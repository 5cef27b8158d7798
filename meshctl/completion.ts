import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { knownKinds } from './resource-view.ts';

/** Adds `meshctl completion <zsh|bash|fish|powershell>`. Choices come from the program; kinds, which also have short names, from here. */
export function addCompletion(program: Command): void {
  const root = tab(program, { completionCommandName: 'completion' });
  for (const verb of ['get', 'describe', 'delete', 'wait']) {
    const kind = root.commands.get(verb)?.arguments.get('kind');
    if (kind === undefined) continue;
    kind.handler = (complete) => {
      for (const name of ['all', ...knownKinds]) complete(name.toLowerCase(), '');
    };
  }
}
