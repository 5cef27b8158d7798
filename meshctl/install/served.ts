import type { Cluster } from '../kubernetes/cluster.ts';
import type { Manifests } from './manifests.ts';
import { candidateVersions, type Serves } from './plan.ts';

/** Asks a server for every version that the manifests could be applied in. */
export async function servedBy({ discovery }: Pick<Cluster, 'discovery'>, manifests: Manifests): Promise<Serves> {
  const served = new Set<string>();
  for (const manifest of Object.values(manifests).flat())
    for (const version of candidateVersions(manifest))
      if ((await discovery.find(version, manifest.kind)) !== null) served.add(`${version} ${manifest.kind}`);
  return (apiVersion, kind) => served.has(`${apiVersion} ${kind}`);
}
