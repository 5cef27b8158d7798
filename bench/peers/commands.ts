/** Writes the configuration of a peer's hop and says how to start it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findEnvoy } from '../../test/interop/differential/proxy-process.ts';
import type { ServerCommand } from '../processes/server-process.ts';
import { envoyConfig } from './envoy-config.ts';
import { haproxyConfig } from './haproxy-config.ts';
import { nginxConfig } from './nginx-config.ts';
import type { Hop, PairScope } from './pair.ts';
import type { Peer } from './peers.ts';

/** `against`: the other checkout, or null. `flags`: of Node, for our sidecars, beside those that they are always started with. */
export type PeerOptions = Readonly<{ against: string | null; flags: readonly string[] }>;

type Command = Omit<ServerCommand, 'port'>;

const repository = resolve(import.meta.dirname, '../..');

/** The command of one hop. */
export function hopCommand(
  peer: Exclude<Peer, 'direct'>,
  hop: Hop,
  scope: PairScope,
  options: PeerOptions,
): ServerCommand {
  const port = hop === 'in' ? scope.inPort : scope.outPort;
  const path = join(scope.folder, `${peer}-${scope.wire}-${hop}.conf`);
  switch (peer) {
    case 'nginx-full':
      writeFileSync(path, nginxConfig(hop, scope));
      return { command: 'nginx', args: ['-p', scope.folder, '-c', path], port };
    case 'haproxy':
      writeFileSync(path, haproxyConfig(hop, scope));
      return { command: 'haproxy', args: ['-f', path], port };
    case 'envoy-full':
    case 'tulle':
    case 'tulle-bundle':
    case 'against':
      return { ...onEnvoyConfig(peer, hop, scope, options), port };
  }
}

type OnEnvoyConfig = Exclude<Peer, 'direct' | 'nginx-full' | 'haproxy'>;

function onEnvoyConfig(peer: OnEnvoyConfig, hop: Hop, scope: PairScope, options: PeerOptions): Command {
  const path = join(scope.folder, `${peer}-${scope.wire}-${hop}.json`);
  writeFileSync(path, JSON.stringify(envoyConfig(hop, scope), null, 1));
  const { workers } = scope.shape;
  const flags = ['--config-path', path, '--log-level', 'warn', '--drain-seconds', '0'];
  // One that is compared with may be from before there were workers.
  if (workers > 1 || peer !== 'against') flags.push('--concurrency', `${workers}`);
  switch (peer) {
    case 'envoy-full':
      return {
        command: findEnvoy() ?? 'envoy',
        args: ['-c', path, '--concurrency', `${workers}`, '--disable-hot-restart', '-l', 'error'],
      };
    case 'tulle':
      return sourceCommand(repository, options.flags, flags);
    case 'tulle-bundle':
      return bundleCommand(scope.folder, options.flags, flags);
    case 'against':
      return sourceCommand(options.against ?? repository, [], flags);
  }
}

/** As `npm run sidecar` starts it there. */
function sourceCommand(folder: string, ofNode: readonly string[], ofSidecar: readonly string[]): Command {
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageJson;
  const [, variables = '', args = ''] = /^((?:\w+=\S+ )*)exec node (.+)$/.exec(scripts.sidecar) ?? [];
  return {
    command: process.execPath,
    args: [...ofNode, ...args.split(' '), ...ofSidecar],
    cwd: folder,
    env: variablesOf(variables.trim().split(' ')),
  };
}

type PackageJson = Readonly<{ scripts: Readonly<{ sidecar: string }> }>;

/** Of `NAME=value` each. */
function variablesOf(assignments: readonly string[]): Record<string, string> {
  return Object.fromEntries(assignments.filter(Boolean).map((each) => each.split('=', 2)));
}

/** With the flags and variables of the image. */
function bundleCommand(folder: string, ofNode: readonly string[], ofSidecar: readonly string[]): Command {
  const out = join(folder, 'dist');
  if (!existsSync(out)) execFileSync(process.execPath, ['build.ts', '--out', out], { cwd: repository });
  const dockerfile = readFileSync(join(repository, 'deploy/sidecar.Dockerfile'), 'utf8');
  const program = readFileSync(join(repository, 'deploy/bin/tulle-sidecar'), 'utf8');
  const flags = /^exec node (.*) \S+\/main\.js "\$@"$/m.exec(program)?.[1]?.split(' ') ?? [];
  return {
    command: process.execPath,
    args: [...flags, ...ofNode, join(out, 'sidecar/main.js'), ...ofSidecar],
    env: variablesOf([...dockerfile.matchAll(/^ENV (\S+=\S+)$/gm)].map(([, assignment = '']) => assignment)),
  };
}
