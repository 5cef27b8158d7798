import { resolveHost } from '../model/hostname.ts';
import { finding, type Finding } from './finding.ts';
import type { MeshView } from './mesh-view.ts';

/** IST0174: a DestinationRule is for a host that nothing declares. */
export function findUnknownRuleHosts(view: MeshView): readonly Finding[] {
  return view.ofKind('DestinationRule').flatMap((resource) => {
    const host = resolveHost(resource.spec.host, resource.metadata.namespace);
    if (view.findHost(host) !== undefined) return [];
    const message = `host ${host} is not found: no Service or ServiceEntry has it`;
    return [finding({ resource, path: 'spec.host' }, 'warning', 'IST0174', message)];
  });
}
