import { byAge } from '../model/by-age.ts';
import { resourceKey, type PeerAuthentication } from '../model/resource.ts';
import { finding, type Finding } from './finding.ts';
import type { MeshView } from './mesh-view.ts';

/**
 * TUL0202: a PeerAuthentication that has no effect: one with a selector in the root namespace, or a younger one for a
 * whole namespace that has an older one.
 */
export function findIgnoredPeerAuthentications(view: MeshView): readonly Finding[] {
  const winners = new Map<string, PeerAuthentication>();
  return view
    .ofKind('PeerAuthentication')
    .toSorted(byAge)
    .flatMap((resource) => {
      const { namespace } = resource.metadata;
      if (hasSelector(resource)) {
        if (namespace !== view.mesh.rootNamespace) return [];
        const message = `has no effect: a selector in the root namespace ${namespace} is ignored`;
        return [finding({ resource, path: 'spec.selector' }, 'warning', 'TUL0202', message)];
      }
      const winner = winners.get(namespace);
      if (winner === undefined) {
        winners.set(namespace, resource);
        return [];
      }
      const message = `has no effect: the older ${resourceKey(winner)} holds for the whole namespace`;
      return [finding({ resource, path: 'metadata.name' }, 'warning', 'TUL0202', message)];
    });
}

function hasSelector({ spec }: PeerAuthentication): boolean {
  return Object.keys(spec.selector?.matchLabels ?? {}).length > 0;
}
