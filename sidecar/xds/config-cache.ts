/** The last good configuration on disk (0600), so that a sidecar that starts while the control plane is away can serve. */
import { join } from 'node:path';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { readPrivateFile, writePrivateFile } from '#shared/x509/private-file.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import { sidecarTypes, type SidecarType } from './resource-types.ts';
import type { HeldResources } from './session.ts';

/** A resource as it lies on disk. */
export type CachedResource = Readonly<{ type: SidecarType; name: string; version: string; message: TypedMessage }>;

type CacheFile = Readonly<{ format: 1; node: string; resources: readonly CachedResource[] }>;

/** Keeps the configuration of one node in a folder. */
export class ConfigCache {
  readonly #path: string;
  readonly #node: string;
  #writing: Promise<void> = Promise.resolve();

  /** `node`: id of the proxy; what another node left in the folder is not used. */
  constructor(folder: string, node: string) {
    this.#path = join(folder, 'last-good-config.json');
    this.#node = node;
  }

  /** What is there; empty if nothing is, or another node's. A file that is not ours to read throws `io`. */
  async read(): Promise<readonly CachedResource[]> {
    const text = await readPrivateFile(this.#path);
    if (text === null) return [];
    try {
      const file = JSON.parse(text) as CacheFile;
      return file.format === 1 && file.node === this.#node ? file.resources : [];
    } catch (error) {
      throw new MeshError('io', `${this.#path} is not a configuration cache: delete it`, { cause: error });
    }
  }

  /** Writes the held resources, one write after the other, whole or not at all. */
  write(held: HeldResources): Promise<void> {
    const resources = sidecarTypes.flatMap((type) =>
      [...held[type].values()].map(({ name, version, message }) => ({ type, name, version, message })),
    );
    const file: CacheFile = { format: 1, node: this.#node, resources };
    this.#writing = this.#writing.catch(() => undefined).then(() => writePrivateFile(this.#path, JSON.stringify(file)));
    return this.#writing;
  }
}
