import type { ProxyRecord } from './proxies.ts';
import type { SnapshotResource } from './snapshot.ts';

/** Which proxy refused what, and why. */
export type ProxyRefusal = Readonly<{ proxy: string; typeUrl: string; name: string; message: string }>;

/** How far something has come: by node id, who has it, who has yet to take it, who will not. */
export type Distribution = Readonly<{
  applied: readonly string[];
  pending: readonly string[];
  refused: readonly ProxyRefusal[];
}>;

/** How far a generation of the config has come among all proxies. */
export function distributionOfGeneration(proxies: readonly ProxyRecord[], generation: number): Distribution {
  const applied: string[] = [];
  const pending: string[] = [];
  const refused: ProxyRefusal[] = [];
  for (const { proxy, session } of proxies) {
    const refusals = [...session.types].flatMap(([typeUrl, type]) =>
      [...type.refused].map(([name, { message }]) => ({ proxy: proxy.id, typeUrl, name, message })),
    );
    if (session.appliedGeneration !== undefined && session.appliedGeneration >= generation) applied.push(proxy.id);
    else if (refusals.length > 0) refused.push(...refusals);
    else pending.push(proxy.id);
  }
  return { applied, pending, refused };
}

/** How far one config resource has come, among the proxies whose resources are made of it. */
export function distributionOfOrigin(proxies: readonly ProxyRecord[], origin: string): Distribution {
  const applied: string[] = [];
  const pending: string[] = [];
  const refused: ProxyRefusal[] = [];
  for (const record of proxies) {
    const concerned = resourcesFrom(record, origin);
    if (concerned.length === 0) continue;
    const refusals = concerned.flatMap((resource) => refusalOf(record, resource));
    if (refusals.length > 0) refused.push(...refusals);
    else if (concerned.every((resource) => hasAccepted(record, resource))) applied.push(record.proxy.id);
    else pending.push(record.proxy.id);
  }
  return { applied, pending, refused };
}

/** The resources made of `origin` that the proxy asked for. */
function resourcesFrom({ session }: ProxyRecord, origin: string): readonly SnapshotResource[] {
  return [...session.types].flatMap(([typeUrl, { isWildcard, names }]) =>
    [...(session.snapshot.resources.get(typeUrl)?.values() ?? [])].filter(
      (resource) => resource.origins?.includes(origin) === true && (isWildcard || names.has(resource.name)),
    ),
  );
}

function hasAccepted({ session }: ProxyRecord, { typeUrl, name, version }: SnapshotResource): boolean {
  return session.types.get(typeUrl)?.accepted.get(name) === version;
}

function refusalOf(
  { proxy, session }: ProxyRecord,
  { typeUrl, name, version }: SnapshotResource,
): readonly ProxyRefusal[] {
  const refusal = session.types.get(typeUrl)?.refused.get(name);
  return refusal?.version === version ? [{ proxy: proxy.id, typeUrl, name, message: refusal.message }] : [];
}
