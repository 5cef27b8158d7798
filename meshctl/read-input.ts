import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '#shared/runtime/mesh-error.ts';
import { CommandError, exitCodes } from './command-error.ts';
import { fromCallerFolder } from './settings.ts';

export type InputFile = Readonly<{ file: string; text: string }>;

/** The YAML and JSON files that `-f` names: files, folders (with what is below), `-` for standard input. */
export function readInput(paths: readonly string[]): InputFile[] {
  if (paths.length === 0) throw new CommandError(exitCodes.usage, 'nothing to read', 'name files, folders or - by -f');
  const files = paths.flatMap((path) =>
    path === '-' ? [{ file: '-', text: readFileSync(0, 'utf8') }] : readPath(path),
  );
  if (files.length === 0) throw new CommandError(exitCodes.badInput, `there is no YAML or JSON in ${paths.join(', ')}`);
  return files;
}

function readPath(path: string): InputFile[] {
  const absolute = fromCallerFolder(path);
  try {
    if (!statSync(absolute).isDirectory()) return [{ file: path, text: readFileSync(absolute, 'utf8') }];
    return readdirSync(absolute, { withFileTypes: true })
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => {
        const child = join(path, entry.name);
        return entry.isDirectory() || /\.(ya?ml|json)$/.test(entry.name) ? readPath(child) : [];
      });
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(exitCodes.badInput, `cannot read ${path}: ${describeError(error)}`);
  }
}
