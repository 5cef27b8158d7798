/** What all measurements of one run share: a folder, certificates, backends, and the signal that ends it all. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates, type CertificateFiles } from './certificates.ts';
import { backendCommand, type BackendKind } from './peers/backends.ts';
import type { PeerOptions } from './peers/commands.ts';
import type { Shape } from './peers/pair.ts';
import type { Target } from './peers/peers.ts';
import { RunningPair } from './peers/running-pair.ts';
import { ServerProcess } from './processes/server-process.ts';
import { freePort } from '../test/support/free-port.ts';

type Backend = Readonly<{ server: ServerProcess; port: number }>;

export class Bench {
  readonly folder: string;
  readonly certificates: CertificateFiles;
  readonly signal: AbortSignal;
  readonly #options: PeerOptions;
  readonly #backends = new Map<BackendKind, Backend>();

  constructor(options: PeerOptions, signal: AbortSignal) {
    this.folder = mkdtempSync(join(tmpdir(), 'tulle-bench-'));
    this.certificates = makeCertificates(this.folder);
    this.signal = signal;
    this.#options = options;
  }

  /** Starts a target in front of a backend; the caller stops it. */
  async startPair(target: Target, shape: Shape, kind: BackendKind): Promise<RunningPair> {
    this.signal.throwIfAborted();
    const backend = await this.#backend(kind);
    const scope = {
      folder: this.folder,
      certificates: this.certificates,
      backendPort: backend.port,
      adminPorts: { in: await freePort(), out: await freePort() },
      inPort: await freePort(),
      outPort: await freePort(),
      wire: target.wire,
      shape,
    };
    return RunningPair.start(target, scope, { backend: backend.server, options: this.#options });
  }

  /** Stops the backends and takes the folder away, unless it is to be kept. */
  async close({ keep }: Readonly<{ keep: boolean }>): Promise<void> {
    for (const { server } of this.#backends.values()) await server.stop();
    this.#backends.clear();
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }

  async #backend(kind: BackendKind): Promise<Backend> {
    const known = this.#backends.get(kind);
    if (known !== undefined) return known;
    const port = await freePort();
    const command = backendCommand(kind, this.folder, port);
    const server = await ServerProcess.start(command, join(this.folder, `backend-${kind}.log`));
    const backend = { server, port };
    this.#backends.set(kind, backend);
    return backend;
  }
}
