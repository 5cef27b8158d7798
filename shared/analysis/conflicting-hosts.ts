import { byAge } from '../model/by-age.ts';
import { resolveHost } from '../model/hostname.ts';
import { resourceKey, type VirtualService } from '../model/resource.ts';
import { finding, type Finding } from './finding.ts';
import type { MeshView } from './mesh-view.ts';

/** IST0109: of several VirtualServices for one host in the mesh the oldest wins whole, the others' rules do not hold. */
export function findConflictingHosts(view: MeshView): readonly Finding[] {
  const claims = new Map<string, VirtualService[]>();
  const findings: Finding[] = [];
  for (const resource of view.ofKind('VirtualService').filter(isOfMesh).toSorted(byAge)) {
    for (const [index, name] of (resource.spec.hosts ?? []).entries()) {
      const host = resolveHost(name, resource.metadata.namespace);
      const earlier = claims.get(host) ?? [];
      const winner = earlier.find((other) => meetsIn(other, resource));
      if (winner !== undefined) {
        const message = `host ${host} has the older ${resourceKey(winner)}, which wins: the rules here do not hold`;
        findings.push(finding({ resource, path: `spec.hosts[${index}]` }, 'error', 'IST0109', message));
      }
      claims.set(host, [...earlier, resource]);
    }
  }
  return findings;
}

function isOfMesh({ spec }: VirtualService): boolean {
  const { gateways = [] } = spec;
  return gateways.length === 0 || gateways.includes('mesh');
}

/** Whether a namespace sees both, by their `exportTo`. */
function meetsIn(a: VirtualService, b: VirtualService): boolean {
  const [seenA, seenB] = [namespacesOf(a), namespacesOf(b)];
  if (seenA.includes('*') || seenB.includes('*')) return true;
  return seenA.some((namespace) => seenB.includes(namespace));
}

function namespacesOf({ metadata, spec }: VirtualService): readonly string[] {
  const { exportTo = [] } = spec;
  return exportTo.length === 0 ? ['*'] : exportTo.map((target) => (target === '.' ? metadata.namespace : target));
}
