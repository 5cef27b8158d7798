import { resourceKinds, versionsOf } from '#shared/model/known-kinds.ts';
import type { ResourceKind } from '#shared/model/resource.ts';

/** A kind that is listed and watched. */
export type WatchedKind = Readonly<{
  kind: ResourceKind;
  /** Group and versions in which it is read, the best first (`networking.istio.io/v1`; `v1` for the core group). */
  apiVersions: readonly string[];
  group: string;
  isNamespaced: boolean;
  /** Of nodes and namespaces the metadata is all that is asked for: their status is long and changes often. */
  isMetadataOnly: boolean;
}>;

const clusterScoped: readonly ResourceKind[] = ['Node', 'Namespace'];

/** Every kind of the catalog. */
export const watchedKinds: readonly WatchedKind[] = resourceKinds.map((kind) => {
  const apiVersions = versionsOf(kind);
  return {
    kind,
    apiVersions,
    group: groupOf(apiVersions[0] ?? ''),
    isNamespaced: !clusterScoped.includes(kind),
    isMetadataOnly: clusterScoped.includes(kind),
  };
});

/** The group of an `apiVersion`; empty for the core group. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

/** Where a kind is served: its version, and the name under which it stands in paths. */
export type Location = Readonly<{ apiVersion: string; plural: string }>;

/** The path of a kind, of one namespace or of all. */
export function pathOf({ apiVersion, plural }: Location, namespace: string | null): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return namespace === null ? `${root}/${plural}` : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

const json = 'application/json';
const metadataOnly = (kind: string) => `${json};as=${kind};g=meta.k8s.io;v=v1,${json}`;

/** The form in which a kind is asked for. */
export const acceptOf = ({ isMetadataOnly }: WatchedKind, as: 'list' | 'watch'): string =>
  isMetadataOnly ? metadataOnly(as === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata') : json;
