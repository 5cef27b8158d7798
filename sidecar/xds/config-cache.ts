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
    const file = parseFile(text);
    if (file === null) throw new MeshError('io', `${this.#path} is not a configuration cache: delete it`);
    return file.format === 1 && file.node === this.#node ? file.resources : [];
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

/** The file as it was written (of another format: as far as it is told), or null. */
function parseFile(text: string): CacheFile | Readonly<{ format: 'another' }> | null {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(file) || typeof file['format'] !== 'number') return null;
  const { format, node, resources } = file;
  if (format !== 1) return { format: 'another' };
  if (typeof node !== 'string' || !Array.isArray(resources) || !resources.every(isCachedResource)) return null;
  return { format, node, resources };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isCachedResource(value: unknown): value is CachedResource {
  if (!isRecord(value)) return false;
  const { type, name, version, message } = value;
  const isKnown = sidecarTypes.some((known) => known === type);
  return isKnown && typeof name === 'string' && typeof version === 'string' && isRecord(message);
}
