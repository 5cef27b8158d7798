import { findDestinations } from './destinations.ts';
import { finding, type Finding } from './finding.ts';
import type { MeshView } from './mesh-view.ts';

/** IST0101: a route, mirror or split sends to a host that nothing declares, or to a subset that no rule has. */
export function findUnknownDestinations(view: MeshView): readonly Finding[] {
  return findDestinations(view).flatMap((reference) => {
    const { host, subset, resource } = reference;
    if (view.findHost(host) === undefined)
      return [finding(reference, 'error', 'IST0101', `host ${host} is not found: no Service or ServiceEntry has it`)];
    if (subset === undefined) return [];
    const subsets = view.rulesFor(host, resource.metadata.namespace).flatMap(({ spec }) => spec.subsets ?? []);
    if (subsets.some(({ name }) => name === subset)) return [];
    const known = [...new Set(subsets.map(({ name }) => name))].join(', ') || 'none';
    const message = `subset ${subset} of host ${host} is not found in any DestinationRule (there are: ${known})`;
    return [finding(reference, 'error', 'IST0101', message)];
  });
}
