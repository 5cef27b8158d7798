import { randomUUID } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno } from '#shared/runtime/errno.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';

/**
 * Files that hold keys: readable by their owner alone, there whole or not at all (written beside, flushed, then moved).
 * A file that others may read is refused by name rather than used: its key must be taken as known.
 */

/** The text of a private file, or null if there is none. */
export async function readPrivateFile(path: string): Promise<string | null> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      throw new MeshError('permission', `${path} has mode ${octal}, others can read its key: want 0600`, {
        facts: { path },
      });
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    if (error instanceof MeshError) throw error;
    throw new MeshError('io', `cannot read ${path}`, { cause: error, facts: { path } });
  }
}

/** Writes a private file, replacing what is there. A text in pieces is never there as a whole: each is asked for when it is written. */
export async function writePrivateFile(path: string, text: string | Iterable<string>): Promise<void> {
  await placeFile(path, text, (temporary) => rename(temporary, path));
}

/** Writes a private file unless one is there; tells whether it did. Of two that start together, one wins. */
export async function createPrivateFile(path: string, text: string): Promise<boolean> {
  try {
    await placeFile(path, text, (temporary) => link(temporary, path));
    return true;
  } catch (error) {
    if (error instanceof MeshError && isErrno(error.cause, 'EEXIST')) return false;
    throw error;
  }
}

async function placeFile(
  path: string,
  text: string | Iterable<string>,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  const folder = dirname(path);
  const temporary = `${path}.${randomUUID()}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(temporary, 0o600);
    await place(temporary);
    await syncFolder(folder);
  } catch (error) {
    throw new MeshError('io', `cannot write ${path}`, { cause: error, facts: { path } });
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The new name itself is only durable when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
