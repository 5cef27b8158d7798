import { matchesLabels } from '#shared/model/selector.ts';
import type { PeerAuthentication } from '#shared/model/resource.ts';
import { byAge } from '#shared/model/by-age.ts';

/** What a server takes: plaintext only, both, or mutual TLS only. */
export type TlsMode = 'DISABLE' | 'PERMISSIVE' | 'STRICT';

/** What holds for one workload: a mode, and modes of single ports (of the workload, not of a service). */
export type PeerPolicy = Readonly<{ mode: TlsMode; ports: ReadonlyMap<number, TlsMode> }>;

/** The policies of a mesh by the scope at which they hold; in each scope the oldest comes first. */
export type PeerPolicies = Readonly<{
  mesh: PeerAuthentication | undefined;
  byNamespace: ReadonlyMap<string, Readonly<{ whole?: PeerAuthentication; selecting: readonly PeerAuthentication[] }>>;
}>;

/** Sorts policies into scopes. Those with a selector in the root namespace are ignored, as Istio does. */
export function groupPeerPolicies(policies: readonly PeerAuthentication[], rootNamespace: string): PeerPolicies {
  const sorted = policies.toSorted(byAge);
  const byNamespace = new Map<string, { whole?: PeerAuthentication; selecting: PeerAuthentication[] }>();
  let mesh: PeerAuthentication | undefined;
  for (const policy of sorted) {
    const { namespace } = policy.metadata;
    if (namespace === rootNamespace) {
      mesh ??= hasSelector(policy) ? undefined : policy;
      continue;
    }
    const scope = byNamespace.get(namespace) ?? { selecting: [] };
    byNamespace.set(namespace, scope);
    if (hasSelector(policy)) {
      scope.selecting.push(policy);
    } else {
      scope.whole ??= policy;
    }
  }
  return { mesh, byNamespace };
}

/**
 * What holds for a workload: the policy that selects it overrides its namespace's, which overrides the mesh's; a level
 * that leaves the mode unset changes nothing. Ports are only read of a policy that selects the workload.
 */
export function peerPolicyFor(
  policies: PeerPolicies,
  namespace: string,
  labels: Readonly<Record<string, string>>,
): PeerPolicy {
  const scope = policies.byNamespace.get(namespace);
  const own = scope?.selecting.find((policy) => matchesLabels(policy.spec.selector?.matchLabels ?? {}, labels));
  let mode: TlsMode = 'PERMISSIVE';
  for (const policy of [policies.mesh, scope?.whole, own]) {
    mode = setMode(policy?.spec.mtls?.mode) ?? mode;
  }
  const ports = Object.entries(own?.spec.portLevelMtls ?? {}).map(([port, mtls]): [number, TlsMode] => [
    Number(port),
    setMode(mtls.mode) ?? mode,
  ]);
  return { mode, ports: new Map(ports) };
}

/** The mode of one port of the workload. */
export function modeOfPort(policy: PeerPolicy, port: number): TlsMode {
  return policy.ports.get(port) ?? policy.mode;
}

function hasSelector(policy: PeerAuthentication): boolean {
  return Object.keys(policy.spec.selector?.matchLabels ?? {}).length > 0;
}

function setMode(mode: 'UNSET' | TlsMode | undefined): TlsMode | undefined {
  return mode === 'UNSET' ? undefined : mode;
}
