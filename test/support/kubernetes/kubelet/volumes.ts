/** The volumes of a pod as folders: what is in a volume is decided by values; folders are replaced as a whole, as a kubelet does. */
import { chown, mkdir, readlink, rename, rm, symlink, writeFile, chmod } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fieldOf, resourceOf, type Sources } from './environment.ts';
import type { Pod, Volume } from './objects.ts';

type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

/** Contents by path within the volume. */
export type Files = Readonly<Record<string, string | Buffer>>;

export type VolumeSources = Sources &
  Readonly<{
    /** Binary values of a Secret or ConfigMap included. */
    secretData: (name: string) => Files | undefined;
    configMapData: (name: string) => Files | undefined;
    token: (audience: string | undefined, seconds: number) => Promise<string>;
  }>;

/** Whether a volume's files change when something else does (a ConfigMap, a Secret, the pod's labels). */
export const isWritten = (volume: Volume): boolean =>
  [volume.configMap, volume.secret, volume.downwardAPI, volume.projected].some((each) => each !== undefined);

/** What is in a volume of files. Throws for a ConfigMap or Secret that is not there and not optional. */
export async function filesOf(volume: Volume, pod: Pod, sources: VolumeSources): Promise<Files> {
  const { configMap, secret, downwardAPI, projected } = volume;
  const parts: Projection[] = projected?.sources ?? [];
  if (configMap !== undefined) parts.push({ configMap });
  if (secret !== undefined) {
    const { secretName, ...rest } = secret;
    parts.push({ secret: { ...rest, ...(secretName === undefined ? {} : { name: secretName }) } });
  }
  if (downwardAPI !== undefined) parts.push({ downwardAPI });
  const files = await Promise.all(parts.map((part) => projectedFiles(part, pod, sources)));
  return Object.assign({}, ...files) as Files;
}

async function projectedFiles(part: Projection, pod: Pod, sources: VolumeSources): Promise<Files> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = part;
  if (configMap !== undefined) return chosen('configMap', configMap, sources.configMapData(configMap.name ?? ''));
  if (secret !== undefined) return chosen('secret', secret, sources.secretData(secret.name ?? ''));
  if (serviceAccountToken !== undefined) {
    const { audience, expirationSeconds = 3600, path } = serviceAccountToken;
    return { [path]: await sources.token(audience, expirationSeconds) };
  }
  const items = (downwardAPI?.items ?? []).map(({ path, fieldRef, resourceFieldRef }) => {
    if (fieldRef !== undefined) return [path, fieldOf(pod, fieldRef.fieldPath)];
    const container = pod.spec?.containers.find(({ name }) => name === resourceFieldRef?.containerName);
    if (container === undefined || resourceFieldRef === undefined)
      throw new Error(`downwardAPI: no container for ${path}`);
    return [path, resourceOf(container, resourceFieldRef.resource, resourceFieldRef.divisor ?? '1')];
  });
  return Object.fromEntries(items) as Files;
}

type Choice = Readonly<{ name?: string; items?: readonly { key: string; path: string }[]; optional?: boolean }>;

function chosen(kind: string, { name, items, optional }: Choice, data: Files | undefined): Files {
  if (data === undefined) {
    if (optional === true) return {};
    throw new Error(`${kind} "${name}" not found`);
  }
  if (items === undefined) return data;
  return Object.fromEntries(
    items.flatMap(({ key, path }) => {
      const value = data[key];
      if (value === undefined && optional !== true) throw new Error(`${kind} "${name}" has no key "${key}"`);
      return value === undefined ? [] : [[path, value]];
    }),
  );
}

/**
 * Writes the files of a volume so that readers see all old or all new ones: into a folder of their own, to which the link `..data` is
 * then turned.
 */
export async function writeVolume(folder: string, files: Files, group: number | undefined): Promise<void> {
  const fresh = `..${process.hrtime.bigint()}`;
  await mkdir(join(folder, fresh), { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, fresh, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    if (group === undefined) continue;
    await chown(file, 0, group);
    await chmod(file, 0o640);
  }
  const old = await readlink(join(folder, '..data')).catch(() => undefined);
  await symlink(fresh, join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  for (const top of new Set(Object.keys(files).map((path) => path.split('/')[0] ?? path))) {
    await symlink(join('..data', top), join(folder, top)).catch(() => undefined);
  }
  if (old !== undefined) await rm(join(folder, old), { recursive: true, force: true });
}
