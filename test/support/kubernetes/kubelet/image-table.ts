/** The images of the tests: bundles of this repository, stand-ins for bookinfo, and small applications of the tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sidecarCommand } from '../../sidecar-command.ts';
import type { ImageRule } from './images.ts';

export type TableSettings = Readonly<{
  repository: string;
  /** Where the bundles are made. */
  bundles: string;
  /** Folder on the PATH of every container, for the commands that an image brings. */
  bin: string;
}>;

/** Makes the bundles that are in the images of this repository, and says which image runs what. */
export async function buildImages({ repository, bundles, bin }: TableSettings): Promise<ImageRule[]> {
  const build = spawn(process.execPath, [join(repository, 'build.ts'), '--out', bundles], { stdio: 'inherit' });
  const [code] = await once(build, 'exit');
  if (code !== 0) throw new Error('the bundles cannot be built');
  writeCommands(bundles, bin);
  const app = (name: string, ...args: string[]) => [
    'node',
    join(repository, 'test/support/kubernetes/apps', `${name}.ts`),
    ...args,
  ];
  return [
    { match: /^tulle\/(sidecar|control-plane)$/, image: ([, name]) => ({ entrypoint: [`tulle-${name}`] }) },
    {
      match: /^tulle\/order-service$/,
      image: () => ({
        entrypoint: ['node'],
        command: ['order-service/orders/main.ts'],
        env: { DATA_DIR: '/var/lib/order-service', HOST: '0.0.0.0', PORT: '8080' },
        folder: repository,
      }),
    },
    {
      match: /^(?:release|istio)\/examples-bookinfo-(\w+)-(v\d)$/,
      image: ([, service = '', version = '']) => ({ entrypoint: app('bookinfo', service, version) }),
    },
    { match: /^test\/([a-z-]+)$/, image: ([, name = '']) => ({ entrypoint: app(name) }) },
  ];
}

/** The commands that our images have on their PATH. */
function writeCommands(bundles: string, bin: string): void {
  const { nodeFlags, env } = sidecarCommand();
  const program = (name: string, flags = '') => `exec node ${flags} ${join(bundles, name, 'main.js')} "$@"`;
  const variables = Object.entries(env).map(([name, value]) => `export ${name}=${value}`);
  const commands: Readonly<Record<string, readonly string[]>> = {
    'tulle-sidecar': [...variables, program('sidecar', nodeFlags.join(' '))],
    'tulle-control-plane': [program('control-plane')],
    meshctl: [program('meshctl')],
  };
  mkdirSync(bin, { recursive: true });
  for (const [name, lines] of Object.entries(commands)) {
    writeFileSync(join(bin, name), `${['#!/bin/sh', ...lines].join('\n')}\n`);
    chmodSync(join(bin, name), 0o755);
  }
}
