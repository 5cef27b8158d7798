import { readdirSync, readFileSync } from 'node:fs';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { sidecarTypeOf, type SidecarType } from './resource-types.ts';

const folder = new URL('../../test/corpora/xds-dumps/', import.meta.url);

/** One resource of a recorded configuration dump, as JSON. */
export type DumpedResource = Readonly<{
  dump: string;
  type: SidecarType;
  typeUrl: string;
  json: Readonly<Record<string, unknown>>;
}>;

/** Every cluster, assignment, listener and route table of the recorded dumps. */
export function dumpedResources(): DumpedResource[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      const found: DumpedResource[] = [];
      collect(JSON.parse(readFileSync(new URL(file, folder), 'utf8')), file, found);
      return found;
    });
}

function collect(value: unknown, dump: string, found: DumpedResource[]): void {
  if (typeof value !== 'object' || value === null) return;
  const typeUrl: unknown = Reflect.get(value, '@type');
  const type = typeof typeUrl === 'string' ? sidecarTypeOf(typeUrl) : null;
  if (type !== null) found.push({ dump, type, typeUrl: typeUrls[type], json: value as Record<string, unknown> });
  else for (const item of Object.values(value)) collect(item, dump, found);
}
