import { analyze } from '#shared/analysis/analyze.ts';
import type { Finding } from '#shared/analysis/finding.ts';
import { versionsOf } from '#shared/model/known-kinds.ts';
import type { MeshConfig } from '#shared/model/mesh-config.ts';
import type { Resource } from '#shared/model/resource.ts';
import { resourcesOf, type Catalog, type CatalogEntry } from '../../catalog/catalog.ts';
import type { ReplicaReport } from '#shared/kubernetes/replica-report.ts';
import { distributionAmong } from '../replicas.ts';
import type { ResourceFacts } from './content.ts';

/** What is known of every resource whose status we write: those of the mesh, from Kubernetes, whose version is known. */
export function factsOf(
  catalog: Catalog,
  findings: ReadonlyMap<string, readonly Finding[]>,
  reports: readonly ReplicaReport[],
): readonly ResourceFacts[] {
  return [...catalog.entries.values()].flatMap((entry): readonly ResourceFacts[] => {
    const { key, origin, problems, warnings, resource } = entry;
    const { generation } = origin;
    if (generation === undefined || statusPath(entry) === null) return [];
    return [
      {
        key,
        generation,
        problems,
        doubts: problems.length > 0 ? [] : [...warnings, ...(findings.get(key) ?? [])],
        hasFormer: problems.length > 0 && resource !== null,
        distribution: distributionAmong(reports, key, generation),
      },
    ];
  });
}

/** Path of a resource in the API server; null for kinds whose status is not ours to write. */
export function statusPath({ key, resource }: Pick<CatalogEntry, 'key' | 'resource'>): string | null {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  const apiVersion = resource?.apiVersion ?? versionsOf(kind)[0] ?? '';
  const group = apiVersion.split('/')[0] ?? '';
  if (!/(^|\.)(istio\.io|smi-spec\.io|tulle\.dev)$/.test(group)) return null;
  return `/apis/${apiVersion}/namespaces/${namespace}/${pluralOf(kind)}/${name}`;
}

/** As the resources of all kinds of Istio and SMI are called. */
function pluralOf(kind: string): string {
  const lower = kind.toLowerCase();
  return lower.endsWith('y') ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}

/**
 * The findings of a catalog by resource. They are looked for again only when something changed that they are made of: endpoints come and
 * go all the time, and no check looks at them.
 */
export class Findings {
  readonly #mesh: MeshConfig;
  #of: readonly Resource[] = [];
  #found: ReadonlyMap<string, readonly Finding[]> = new Map();

  constructor(mesh: MeshConfig) {
    this.#mesh = mesh;
  }

  of(catalog: Catalog): ReadonlyMap<string, readonly Finding[]> {
    const resources = resourcesOf(catalog).filter(({ kind }) => kind !== 'EndpointSlice' && kind !== 'Node');
    // What did not change is the same object.
    if (resources.length === this.#of.length && resources.every((resource, at) => resource === this.#of[at]))
      return this.#found;
    this.#of = resources;
    this.#found = Map.groupBy(analyze(resources, this.#mesh), ({ resource }) => resource);
    return this.#found;
  }
}
