/** The last good configuration on disk (0600), so that a sidecar that starts while the control plane is away can serve. */
import { join } from 'node:path';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { readPrivateFile, writePrivateFile } from '#shared/x509/private-file.ts';
import { packedBytes, packMessage } from '#shared/xds/packed.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { sidecarTypes, type SidecarType } from './resource-types.ts';
import type { HeldResources, ReceivedResource } from './session.ts';

/** A resource that lay on disk. */
export type CachedResource = ReceivedResource & Readonly<{ type: SidecarType }>;

/** A resource as it lies there: `base64` is its binary form, which needs no unpacking to be written. */
type StoredResource = Readonly<{ type: SidecarType; name: string; version: string; base64: string }>;

type CacheFile = Readonly<{ format: 2; node: string; resources: readonly StoredResource[] }>;

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
    return file.format === 2 && file.node === this.#node ? file.resources.map(toCached) : [];
  }

  /** Writes the held resources, one write after the other, whole or not at all; other work goes on between pieces of them. */
  write(held: HeldResources): Promise<void> {
    const pieces = () => piecesOf(fileText(this.#node, held));
    this.#writing = this.#writing.catch(() => undefined).then(() => writePrivateFile(this.#path, pieces()));
    return this.#writing;
  }
}

/** The text of a {@link CacheFile}, a resource a line. */
function* fileText(node: string, held: HeldResources): Generator<string> {
  yield `{"format":2,"node":${JSON.stringify(node)},"resources":[`;
  let separator = '\n';
  for (const type of sidecarTypes) {
    for (const { name, version, message } of held[type].values()) {
      const resource: StoredResource = { type, name, version, base64: packedBytes(message).toString('base64') };
      yield separator + JSON.stringify(resource);
      separator = ',\n';
    }
  }
  yield '\n]}\n';
}

/** Joined to what is worth a write: a megabyte at once would be copied twice, and its memory not be given back. */
function* piecesOf(texts: Iterable<string>): Generator<string> {
  let piece = '';
  for (const text of texts) {
    piece += text;
    if (piece.length < 32 * 1024) continue;
    yield piece;
    piece = '';
  }
  yield piece;
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
  if (format !== 2) return { format: 'another' };
  if (typeof node !== 'string' || !Array.isArray(resources) || !resources.every(isStoredResource)) return null;
  return { format, node, resources };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isStoredResource(value: unknown): value is StoredResource {
  if (!isRecord(value)) return false;
  const { type, name, version, base64 } = value;
  const isKnown = sidecarTypes.some((known) => known === type);
  return isKnown && typeof name === 'string' && typeof version === 'string' && typeof base64 === 'string';
}

const toCached = ({ type, name, version, base64 }: StoredResource): CachedResource => ({
  type,
  name,
  version,
  message: packMessage(typeUrls[type], Buffer.from(base64, 'base64')),
});
