import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CommandError, exitCodes } from '../command-error.ts';
import { fromCallerFolder } from '../settings.ts';

/** Where everything of a mesh on this machine lies. */
export type Layout = Readonly<{
  /** The checkout that the components are started from. */
  repository: string;
  data: string;
  /** The watched folder of YAML. */
  config: string;
  meshConfig: string;
  controlPlane: string;
  adminSocket: string;
  rootCertificate: string;
  ports: string;
  logs: string;
  logOf: (name: string) => string;
  /** The folder of one sidecar. */
  sidecar: (name: string) => string;
  tokenOf: (name: string) => string;
  /** The folder of one service: its instances share it. */
  service: (app: string) => string;
}>;

/** The length that a path of a unix socket may have (`sun_path` is 104 bytes on macOS, 108 on Linux). */
const maxSocketPath = 103;

/** The folders of a mesh whose data lies in `dataDir`. */
export function layoutOf(dataDir: string): Layout {
  const data = fromCallerFolder(dataDir);
  const adminSocket = join(data, 'control-plane', 'admin.sock');
  if (Buffer.byteLength(adminSocket) > maxSocketPath)
    throw new CommandError(
      exitCodes.usage,
      `the path of the socket would be too long: ${adminSocket}`,
      'choose a shorter --data',
    );
  const logs = join(data, 'logs');
  const sidecar = (name: string) => join(data, 'sidecars', name);
  return {
    repository: findRepository(import.meta.dirname),
    data,
    config: join(data, 'config'),
    meshConfig: join(data, 'mesh.yaml'),
    controlPlane: join(data, 'control-plane'),
    adminSocket,
    rootCertificate: join(data, 'root.pem'),
    ports: join(data, 'ports.json'),
    logs,
    logOf: (name) => join(logs, `${name}.log`),
    sidecar,
    tokenOf: (name) => join(sidecar(name), 'token'),
    service: (app) => join(data, 'services', app),
  };
}

/** The folder above with the sources of all components; `meshctl` alone (bundled, elsewhere) cannot start a mesh. */
function findRepository(from: string): string {
  const manifest = join(from, 'package.json');
  if (existsSync(manifest) && existsSync(join(from, 'order-service'))) {
    const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: unknown };
    if (name === 'tulle') return from;
  }
  const above = dirname(from);
  if (above === from)
    throw new CommandError(
      exitCodes.failed,
      '`meshctl up` starts the components from their sources, and they are not here',
      'clone the repository and run `npm ci && npm start` there',
    );
  return findRepository(above);
}
