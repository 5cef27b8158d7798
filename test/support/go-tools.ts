/** Test tools that are Go programs: `.ci/run` installs them into `.tulle/bin`, in the versions that `.ci/go-tools` names. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '../..');

/** A tool that is there, or the reason for skipping what needs it. */
export type GoTool = Readonly<{ path: string; whySkipped: string | false }>;

/** Finds a tool: where the environment variable says, in `.tulle/bin`, or in Go's own folder. */
export function findGoTool(name: string, variable: string): GoTool {
  const given = process.env[variable] ?? '';
  const places = [join(repository, '.tulle/bin', name), join(homedir(), 'go/bin', name)];
  const path = given === '' ? (places.find((place) => existsSync(place)) ?? '') : given;
  return { path, whySkipped: path === '' ? `no ${name}: .ci/go-tools installs it, or set ${variable}` : false };
}
