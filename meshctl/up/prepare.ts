/** What must lie in the data folder before a process starts: configuration, logs, the root certificate, join tokens. */
import { cpSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { AdminClient } from '../admin-client.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import type { Layout } from './layout.ts';

/** Makes the folders; configuration is copied from the examples where there is none. */
export function prepareFolders(layout: Layout, processes: readonly string[], services: readonly string[]): void {
  for (const folder of [layout.data, layout.logs, layout.controlPlane, ...services.map((app) => layout.service(app))])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(layout.config)) {
    // Copied beside and then renamed: a start that was broken off leaves no half of a configuration.
    const half = `${layout.config}.new`;
    cpSync(join(layout.repository, 'manifests', 'examples'), half, { recursive: true, force: true });
    renameSync(half, layout.config);
  }
  if (!existsSync(layout.meshConfig)) cpSync(join(layout.repository, 'deploy', 'mesh.yaml'), layout.meshConfig);
  for (const name of processes) {
    if (existsSync(layout.logOf(name))) renameSync(layout.logOf(name), `${layout.logOf(name)}.1`);
    writeFileSync(layout.logOf(name), '');
  }
}

/** Refuses to start a second mesh on the data of one that runs: its control plane answers at the socket. */
export async function refuseIfRunning(layout: Layout): Promise<void> {
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect(layout.adminSocket);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (answers)
    throw new CommandError(
      exitCodes.failed,
      `a mesh already runs on ${layout.data}`,
      'stop it, or give this one a folder of its own by --data',
    );
}

/** What a sidecar needs to become somebody: the root to judge the control plane by, and a token of its service account. */
export class Credentials {
  readonly #layout: Layout;
  readonly #admin: AdminClient;

  constructor(layout: Layout, adminPort: number) {
    this.#layout = layout;
    this.#admin = new AdminClient({ host: '127.0.0.1', port: adminPort, socketPath: layout.adminSocket });
  }

  /**
   * Writes root and token for one sidecar. While the control plane is away those of before do: a sidecar that was certified
   * before starts from its disk without either.
   */
  async provide(name: string, identity: Readonly<{ namespace: string; serviceAccount: string }>): Promise<void> {
    const tokenFile = this.#layout.tokenOf(name);
    try {
      const { root } = await this.#admin.get<{ root: { pem: string } }>('/api/v1/certificates');
      const { token } = await this.#admin.change<{ token: string }>('POST', '/api/v1/tokens', JSON.stringify(identity));
      mkdirSync(this.#layout.sidecar(name), { recursive: true, mode: 0o700 });
      await replaceFile(this.#layout.rootCertificate, root.pem, 0o644);
      await replaceFile(tokenFile, token, 0o600);
    } catch (error) {
      if (!existsSync(tokenFile) || !existsSync(this.#layout.rootCertificate)) throw error;
    }
  }
}

/** Others may be reading the file. */
async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const half = `${file}.${randomUUID()}`;
  await writeFile(half, text, { mode });
  await rename(half, file);
}
