import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { claimedKey } from '#shared/model/parse.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { emptyCatalog, type Catalog } from '../../control-plane/catalog/catalog.ts';
import { reduceCatalog } from '../../control-plane/catalog/reduce.ts';
import { FolderSource } from '../../control-plane/sources/file/folder-source.ts';
import { sourceContract } from './source-contract.ts';

sourceContract('a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-source-'));
  let catalog: Catalog = emptyCatalog;
  let source: FolderSource;
  const start = async () => {
    catalog = emptyCatalog;
    source = new FolderSource(folder, systemClock, () => undefined);
    await source.start((changes) => (catalog = reduceCatalog(catalog, changes)));
  };
  await start();
  const fileOf = (document: object) => join(folder, `${claimedKey(document)}.yaml`);
  return {
    apply: async (document) => {
      await mkdir(dirname(fileOf(document)), { recursive: true });
      await writeFile(fileOf(document), stringify(document));
    },
    remove: (document) => rm(fileOf(document)),
    catalog: () => catalog,
    restart: async () => {
      await source.close();
      await start();
    },
    close: async () => {
      await source.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
});
