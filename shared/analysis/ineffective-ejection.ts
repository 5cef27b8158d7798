import { resolveHost } from '../model/hostname.ts';
import { finding, type Finding } from './finding.ts';
import type { MeshView } from './mesh-view.ts';

const defaultMaxEjectionPercent = 10;

/**
 * TUL0201: outlier detection that never ejects anybody, because its share of the workloads is less than one. Said only
 * where resources tell of workloads at all.
 */
export function findIneffectiveEjection(view: MeshView): readonly Finding[] {
  return view.ofKind('DestinationRule').flatMap((resource) => {
    const { host, trafficPolicy } = resource.spec;
    const outlier = trafficPolicy?.outlierDetection;
    const count = view.findHost(resolveHost(host, resource.metadata.namespace))?.workloads.length ?? 0;
    if (outlier === undefined || count === 0) return [];
    const percent = outlier.maxEjectionPercent ?? defaultMaxEjectionPercent;
    if ((percent * count) / 100 >= 1) return [];
    const needed = Math.ceil(100 / count);
    const message = `maxEjectionPercent ${percent} of ${count} workloads is less than one: nobody is ever ejected, at least ${needed} is needed`;
    const path = 'spec.trafficPolicy.outlierDetection.maxEjectionPercent';
    return [finding({ resource, path }, 'warning', 'TUL0201', message)];
  });
}
