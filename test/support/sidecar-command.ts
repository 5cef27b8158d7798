import { readFileSync } from 'node:fs';

type Manifest = Readonly<{ scripts: Readonly<Record<string, string>> }>;

/** Flags of Node and variables of the environment that `npm run sidecar` starts a sidecar with. */
export function sidecarCommand(): Readonly<{ nodeFlags: readonly string[]; env: Readonly<Record<string, string>> }> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a file of our own
  const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest;
  const [, variables = '', flags = ''] =
    /^((?:\w+=\S+ )*)exec node --import \S+ (.*) sidecar\/main\.ts$/.exec(scripts['sidecar'] ?? '') ?? [];
  const pairs = variables.trim().split(' ').filter(Boolean);
  return { nodeFlags: flags.split(' '), env: Object.fromEntries(pairs.map((pair) => pair.split('=', 2))) };
}
