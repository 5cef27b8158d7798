import { resolveHost } from '../model/hostname.ts';
import { matchesLabels } from '../model/selector.ts';
import { finding, type Finding } from './finding.ts';
import type { MeshView } from './mesh-view.ts';

/**
 * IST0173: a subset whose labels no workload of the host has. Said only where resources tell of workloads at all: those
 * that join by connecting are not known beforehand.
 */
export function findEmptySubsets(view: MeshView): readonly Finding[] {
  return view.ofKind('DestinationRule').flatMap((resource) => {
    const workloads = view.findHost(resolveHost(resource.spec.host, resource.metadata.namespace))?.workloads ?? [];
    if (workloads.length === 0) return [];
    return (resource.spec.subsets ?? []).flatMap(({ name, labels }, index) =>
      workloads.some((workload) => matchesLabels(labels, workload))
        ? []
        : [
            finding(
              { resource, path: `spec.subsets[${index}].labels` },
              'warning',
              'IST0173',
              `subset ${name} selects none of the ${workloads.length} workloads of ${resource.spec.host}`,
            ),
          ],
    );
  });
}
