/** A folder of YAML files as a source: read whole at the start, then again whatever changes. Rules are in `folder-state.ts`. */
import { watch, type FSWatcher } from 'node:fs';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Change } from '../../catalog/catalog.ts';
import type { Source } from '../source.ts';
import { readFileAgain, type FolderState } from './folder-state.ts';
import { readDocuments } from './read-documents.ts';

const isConfigFile = (name: string) =>
  /\.(ya?ml|json)$/.test(name) && !name.split('/').some((part) => part.startsWith('.'));

/** Time for the several events of one write to gather, and how often the folder is looked through besides (missed events). */
const settleMs = 30;
const rescanMs = 2000;

export class FolderSource implements Source {
  readonly name = 'file';
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #warn: (message: string) => void;
  /** Per file what it looked like when it was last read. */
  #stamps = new Map<string, string>();
  #state: FolderState = new Map();
  #tell: (changes: readonly Change[]) => void = () => undefined;
  #watcher: FSWatcher | null = null;
  #scanning: Promise<void> = Promise.resolve();
  #cancelSettle: (() => void) | null = null;
  #cancelRescan: (() => void) | null = null;
  #isClosed = false;

  constructor(folder: string, clock: Clock, warn: (message: string) => void) {
    this.#folder = folder;
    this.#clock = clock;
    this.#warn = warn;
  }

  async start(tell: (changes: readonly Change[]) => void): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    this.#tell = tell;
    this.#watcher = watch(this.#folder, { recursive: true }, () => this.#settle());
    this.#watcher.on('error', (error) =>
      this.#warn(`watching ${this.#folder} failed, it is looked through every ${rescanMs} ms: ${error.message}`),
    );
    await this.rescan();
    this.#scheduleRescan();
  }

  /** Reads at once whatever changed. */
  rescan(): Promise<void> {
    this.#scanning = this.#scanning
      .then(() => this.#scan())
      .catch((error: unknown) => this.#warn(describeError(error)));
    return this.#scanning;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watcher?.close();
    this.#cancelSettle?.();
    this.#cancelRescan?.();
    await this.#scanning;
  }

  #settle(): void {
    this.#cancelSettle?.();
    this.#cancelSettle = this.#clock.after(settleMs, () => void this.rescan());
  }

  #scheduleRescan(): void {
    if (this.#isClosed) return;
    this.#cancelRescan = this.#clock.after(rescanMs, () => void this.rescan().then(() => this.#scheduleRescan()));
  }

  async #scan(): Promise<void> {
    if (this.#isClosed) return;
    const names = await readdir(this.#folder, { recursive: true });
    const files = names.filter(isConfigFile).toSorted();
    const changes: Change[] = [];
    for (const gone of [...this.#stamps.keys()].filter((file) => !files.includes(file))) {
      this.#stamps.delete(gone);
      changes.push(...this.#apply(gone, null));
    }
    for (const file of files) changes.push(...(await this.#readIfChanged(file)));
    if (changes.length > 0) this.#tell(changes);
  }

  async #readIfChanged(file: string): Promise<readonly Change[]> {
    const path = join(this.#folder, file);
    try {
      const facts = await stat(path, { bigint: true });
      if (!facts.isFile()) return [];
      const stamp = `${facts.mtimeNs} ${facts.size} ${facts.ino}`;
      if (this.#stamps.get(file) === stamp) return [];
      const text = await readFile(path, 'utf8');
      this.#stamps.set(file, stamp);
      return this.#apply(file, text);
    } catch (error) {
      // The file went away between listing and reading: the next look tells.
      this.#warn(`cannot read ${relative(process.cwd(), path)}: ${describeError(error)}`);
      return [];
    }
  }

  #apply(file: string, text: string | null): readonly Change[] {
    const [state, changes] = readFileAgain(this.#state, file, text === null ? null : readDocuments(text, file));
    this.#state = state;
    return changes;
  }
}
