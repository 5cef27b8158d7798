/** The images of the tests: programs of this repository, stand-ins for bookinfo, and small applications of the tests. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sidecarCommand } from '../../sidecar-command.ts';
import type { ImageRule } from './images.ts';

export type TableSettings = Readonly<{
  repository: string;
  /** Folder on the PATH of every container, for the commands that an image brings. */
  bin: string;
}>;

/** Writes the commands of the images into `bin`, and says which image runs which. */
export function imagesOf({ repository, bin }: TableSettings): ImageRule[] {
  const { nodeFlags, env } = sidecarCommand();
  const preload = `--import ${join(repository, 'preload.mjs')}`;
  const program = (flags: string, main: string) => `exec node ${preload} ${flags} ${join(repository, main)} "$@"`;
  const variables = Object.entries(env).map(([name, value]) => `export ${name}=${value}`);
  const commands: Readonly<Record<string, readonly string[]>> = {
    'tulle-sidecar': [...variables, program(nodeFlags.join(' '), 'sidecar/main.ts')],
    'tulle-control-plane': [program('', 'control-plane/main.ts')],
    meshctl: [program('', 'meshctl/main.ts')],
    orders: [program('', 'order-service/orders/main.ts')],
    payments: [program('', 'order-service/payments/main.ts')],
    inventory: [program('', 'order-service/inventory/main.ts')],
    traffic: [program('', 'order-service/traffic/main.ts')],
  };
  mkdirSync(bin, { recursive: true });
  for (const [name, lines] of Object.entries(commands)) {
    writeFileSync(join(bin, name), `${['#!/bin/sh', ...lines].join('\n')}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const app = (name: string, ...args: string[]) => [
    'node',
    join(repository, 'test/support/kubernetes/apps', `${name}.ts`),
    ...args,
  ];
  return [
    { match: /^tulle\/(sidecar|control-plane)$/, image: ([, name]) => ({ entrypoint: [`tulle-${name}`] }) },
    { match: /^tulle\/order-service$/, image: () => ({ entrypoint: [] }) },
    {
      match: /^(?:release|istio)\/examples-bookinfo-(\w+)-(v\d)$/,
      image: ([, service = '', version = '']) => ({ entrypoint: app('bookinfo', service, version) }),
    },
    { match: /^test\/([a-z-]+)$/, image: ([, name = '']) => ({ entrypoint: app(name) }) },
  ];
}
