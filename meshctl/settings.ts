import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseHostPort, type HostPort } from '#shared/runtime/host-port.ts';
import type { AdminTarget } from './admin-client.ts';
import { CommandError, exitCodes } from './command-error.ts';

/** Relative paths in arguments count from where npm was called. */
export function fromCallerFolder(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? process.cwd(), path);
}

/** Whether colour and live lines make sense on standard output. */
export function isTerminal(): boolean {
  return process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
}

/** The environment of this process, for children. */
export function inheritedEnvironment(): Readonly<Record<string, string>> {
  const proxies = new Set(['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'node_use_env_proxy']);
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || proxies.has(name.toLowerCase()) ? [] : [[name, value]],
    ),
  );
}

/**
 * Finds the control plane: `--admin HOST:PORT` for reading, else what lies in the data directory (`admin.json`, `admin.sock`; also
 * in its `control-plane` folder, as `meshctl up` makes it), else 127.0.0.1:8080.
 */
export function findControlPlane(
  options: Readonly<{ admin?: string | undefined; dataDir?: string | undefined }>,
): AdminTarget {
  const dataDir = fromCallerFolder(options.dataDir ?? process.env['TULLE_DATA_DIR'] ?? '.tulle');
  const folder = [join(dataDir, 'control-plane'), dataDir].find((candidate) =>
    existsSync(join(candidate, 'admin.json')),
  );
  const socketPath = folder === undefined ? null : join(folder, 'admin.sock');
  if (options.admin !== undefined) return { ...adminAddress(options.admin), socketPath };
  if (folder === undefined) return { host: '127.0.0.1', port: 8080, socketPath: null };
  const address = JSON.parse(readFileSync(join(folder, 'admin.json'), 'utf8')) as HostPort;
  return { ...address, socketPath };
}

function adminAddress(text: string): HostPort {
  const address = parseHostPort(text);
  if (address === null) throw new CommandError(exitCodes.usage, `${text} is not HOST:PORT`);
  return address;
}
