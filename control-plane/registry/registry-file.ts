/** The registered workloads on disk, so that a control plane that starts again does not take them from everybody's endpoints. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { isErrno } from '#shared/runtime/errno.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { parseResource } from '#shared/model/parse.ts';
import type { WorkloadEntry } from '#shared/model/resource.ts';

/** Reads and writes the entries of one file. */
export class RegistryFile {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** What is there; nothing if there is no file, or what it holds are no entries. */
  async read(): Promise<readonly WorkloadEntry[]> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (cause) {
      if (isErrno(cause, 'ENOENT')) return [];
      throw new MeshError('io', `cannot read ${this.#path}`, { cause });
    }
    return parseEntries(text);
  }

  /** Writes all entries, one write after the other, whole or not at all. */
  write(entries: readonly WorkloadEntry[]): Promise<void> {
    this.#writing = this.#writing
      .catch(() => undefined)
      .then(async () => {
        const temporary = `${this.#path}.tmp`;
        await writeFile(temporary, JSON.stringify(entries), { mode: 0o600 });
        await rename(temporary, this.#path);
      });
    return this.#writing;
  }
}

function parseEntries(text: string): readonly WorkloadEntry[] {
  let documents: unknown;
  try {
    documents = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document: unknown) => {
    const result = parseResource(document);
    return result.ok && result.value.kind === 'WorkloadEntry' ? [result.value] : [];
  });
}
