import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { createPrivateFile, readPrivateFile, writePrivateFile } from './private-file.ts';

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-private-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('writes for the owner alone, whole, and leaves nothing beside it', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'deeper', 'key.pem');
    await writePrivateFile(path, 'one');
    await writePrivateFile(path, 'two');
    assert.equal(await readPrivateFile(path), 'two');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(folder, 'deeper')), ['key.pem']);
  }));

test('of many that create the same file one wins, and its content stays', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'key.pem');
    const wins = await Promise.all(['a', 'b', 'c', 'd'].map((text) => createPrivateFile(path, text)));
    assert.equal(wins.filter(Boolean).length, 1);
    assert.equal(await readPrivateFile(path), ['a', 'b', 'c', 'd'][wins.indexOf(true)]);
    assert.deepEqual(await readdir(folder), ['key.pem']);
  }));

test('a file that others may read is refused by name and mode', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'key.pem');
    await writePrivateFile(path, 'secret');
    await chmod(path, 0o640);
    await assert.rejects(
      readPrivateFile(path),
      (error) => isMeshError(error, 'permission') && error.message.includes(path) && error.message.includes('0640'),
    );
  }));

test('no file is null, an unreadable one an error', () =>
  withFolder(async (folder) => {
    assert.equal(await readPrivateFile(join(folder, 'none')), null);
    await chmod(folder, 0o700);
    await assert.rejects(readPrivateFile(folder), (error) => isMeshError(error, 'io'));
  }));
