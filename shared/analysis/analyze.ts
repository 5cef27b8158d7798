import { compareText } from '../model/by-age.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import type { Resource } from '../model/resource.ts';
import { findConflictingHosts } from './conflicting-hosts.ts';
import { findEmptySubsets } from './empty-subsets.ts';
import type { Finding } from './finding.ts';
import { findIgnoredPeerAuthentications } from './ignored-peer-authentications.ts';
import { findIneffectiveEjection } from './ineffective-ejection.ts';
import { MeshView } from './mesh-view.ts';
import { findUnknownDestinations } from './unknown-destinations.ts';
import { findUnknownRuleHosts } from './unknown-rule-hosts.ts';
import { findUnreachableRules } from './unreachable-rules.ts';

/**
 * What is wrong between resources, each of which is right by itself. Parsed resources come in, findings go out, in a
 * stable order. Nothing is refused because of a finding. One file a check, each a function of the view of the mesh.
 */

const checks: readonly ((view: MeshView) => readonly Finding[])[] = [
  findUnknownDestinations,
  findUnknownRuleHosts,
  findConflictingHosts,
  findUnreachableRules,
  findEmptySubsets,
  findIneffectiveEjection,
  findIgnoredPeerAuthentications,
];

/** Every finding of every check, by resource and path. */
export function analyze(resources: readonly Resource[], mesh: MeshConfig): readonly Finding[] {
  const view = new MeshView(resources, mesh);
  return checks
    .flatMap((check) => check(view))
    .toSorted(
      (a, b) => compareText(a.resource, b.resource) || compareText(a.path, b.path) || compareText(a.code, b.code),
    );
}
