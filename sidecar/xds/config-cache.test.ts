import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { aPackedMessage } from '#shared/xds/packed.fixture.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { ConfigCache } from './config-cache.ts';
import { initialXdsState, stepXds } from './session.ts';

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-cache-'));
  folders.push(folder);
  return folder;
}

const message = aPackedMessage({ '@type': typeUrls.cluster, name: 'a' });
const resources = [{ type: 'cluster', name: 'a', version: 'v1', message }] as const;
const [state] = stepXds(initialXdsState, { kind: 'restored', resources });
const fileOf = (folder: string) => join(folder, 'last-good-config.json');

test('what was written is read again, by the same node', async () => {
  const folder = await aFolder();
  await new ConfigCache(folder, 'me').write(state.held);
  assert.deepEqual(await new ConfigCache(folder, 'me').read(), resources);
  assert.deepEqual(await new ConfigCache(folder, 'another').read(), []);
});

test('many resources, more than is written at once, come back as they were', async () => {
  const folder = await aFolder();
  const many = Array.from({ length: 500 }, (_, n) => ({
    type: 'cluster' as const,
    name: `"${n}"`,
    version: `v${n}`,
    message: aPackedMessage({ '@type': typeUrls.cluster, name: `"${n}"`, alt_stat_name: 'ü'.repeat(100) }),
  }));
  const [{ held }] = stepXds(initialXdsState, { kind: 'restored', resources: many });
  const cache = new ConfigCache(folder, 'me');
  await cache.write(held);
  assert.deepEqual(await cache.read(), many);
});

test('the file is its owner’s alone, and nothing else is left beside it', async () => {
  const folder = await aFolder();
  const cache = new ConfigCache(folder, 'me');
  await Promise.all([cache.write(state.held), cache.write(state.held), cache.write(initialXdsState.held)]);
  assert.equal((await stat(fileOf(folder))).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder), ['last-good-config.json']);
  assert.deepEqual(await cache.read(), []);
});

test('a folder without a file, or without itself, holds nothing; it is made when it is needed', async () => {
  const folder = join(await aFolder(), 'deep', 'er');
  const cache = new ConfigCache(folder, 'me');
  assert.deepEqual(await cache.read(), []);
  await cache.write(state.held);
  assert.deepEqual(await cache.read(), resources);
});

const broken: Record<string, string> = {
  'text that is not JSON': '{"format":2',
  nothing: '',
  'JSON that is not ours': 'null',
  'a list': '[]',
  'resources that are none': '{"format":2,"node":"me","resources":{}}',
  'a resource of an unknown type': '{"format":2,"node":"me","resources":[{"type":"x","name":"a","version":"1"}]}',
  'a resource without a message': '{"format":2,"node":"me","resources":[{"type":"cluster","name":"a","version":"1"}]}',
  'a resource without a name': '{"format":2,"node":"me","resources":[{"type":"cluster","version":"1","base64":""}]}',
};
for (const [what, text] of Object.entries(broken)) {
  test(`${what} is refused with the name of the file`, async () => {
    const folder = await aFolder();
    await writeFile(fileOf(folder), text, { mode: 0o600 });
    await assert.rejects(new ConfigCache(folder, 'me').read(), (error) => {
      assert.ok(isMeshError(error, 'io'));
      assert.match(error.message, /last-good-config\.json is not a configuration cache: delete it/);
      return true;
    });
  });
}

test('a file of another format is not used', async () => {
  const folder = await aFolder();
  await writeFile(fileOf(folder), '{"format":1,"node":"me"}', { mode: 0o600 });
  assert.deepEqual(await new ConfigCache(folder, 'me').read(), []);
});

test('a file that others can read is refused by name', async () => {
  const folder = await aFolder();
  await new ConfigCache(folder, 'me').write(state.held);
  await chmod(fileOf(folder), 0o644);
  await assert.rejects(new ConfigCache(folder, 'me').read(), /last-good-config\.json has mode 0644/);
});

test('a write that failed does not keep the next from being written', async () => {
  const folder = await aFolder();
  const cache = new ConfigCache(join(folder, 'sub'), 'me');
  await writeFile(join(folder, 'sub'), 'in the way');
  await assert.rejects(cache.write(state.held));
  await rm(join(folder, 'sub'));
  await cache.write(state.held);
  assert.deepEqual(await cache.read(), resources);
});
