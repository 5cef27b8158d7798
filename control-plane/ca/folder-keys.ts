import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import { openJoinTokenKey } from './join-token.ts';
import { checkGivenAuthority, openOwnRoot, type AuthorityKeys, type GivenAuthority } from './key-store.ts';

/** Where the keys of a control plane without Kubernetes are. */
export type FolderKeysOptions = Readonly<{
  /** Where the root and the key of the join tokens live; both are made on the first start. */
  folder: string;
  /** An authority that the operator brings instead of a root of our own. */
  given: GivenAuthority | null;
  trustDomain: string;
  clock: Clock;
}>;

/** Opens the keys in a folder. They stay what they are until the control plane is started again. */
export async function openFolderKeys(
  options: FolderKeysOptions,
): Promise<Readonly<{ keys: Watch<AuthorityKeys>; joinTokenKey: () => Buffer }>> {
  const keys = await openKeys(options);
  const joinTokenKey = await openJoinTokenKey(options.folder);
  return { keys: new WatchSource(keys), joinTokenKey: () => joinTokenKey };
}

async function openKeys({ folder, given, trustDomain, clock }: FolderKeysOptions): Promise<AuthorityKeys> {
  if (given === null) return await openOwnRoot(folder, trustDomain, clock);
  const keys = checkGivenAuthority(given, clock.now());
  if (keys.ok) return keys.value;
  throw new MeshError('certificate', `the given authority: ${formatProblems(keys.problems)}`);
}
