import { matchesLabels } from '#shared/model/selector.ts';
import type { Sidecar } from '#shared/model/resource.ts';
import { compareText } from '#shared/model/by-age.ts';
import { dependsOnLabels, type MergedRule, ruleFor } from './destination-rules.ts';
import { coversHost } from '#shared/model/hostname.ts';
import type { MeshIndex } from './mesh-index.ts';
import { isExportedTo, type MeshService } from './mesh-service.ts';
import { nodeNameOf, placeOf } from './own-workload.ts';
import { automaticFamilies, ipVersions, type ProxyNode } from './proxy-node.ts';
import {
  type Claims,
  destinationsOf,
  looksAtLabels,
  type MeshVirtualService,
  toClaims,
  visibleVirtualServices,
} from './virtual-services.ts';

type EgressSpec = NonNullable<NonNullable<Sidecar['spec']>['egress']>[number];

/** What applications reach through one way out: everything, or what one `egress` entry of a Sidecar names. */
export type Egress = Readonly<{
  /** Its own port, when the entry declares one. */
  spec?: EgressSpec | undefined;
  services: readonly MeshService[];
  /** In the order in which they claim hosts. */
  virtualServices: readonly MeshVirtualService[];
  claims: Claims;
}>;

/** What proxies of one kind see of the mesh; all that goes out is the same for all proxies of a scope. */
export type Scope = Readonly<{
  key: string;
  namespace: string;
  /** Labels of the proxy, when some rule looks at them; otherwise empty. */
  labels: Readonly<Record<string, string>>;
  locality: string;
  /** The node that a proxy runs on, when some service prefers endpoints of the same node; otherwise empty. */
  nodeName: string;
  compat: ProxyNode['compat'];
  interception: ProxyNode['interception'];
  ipVersions: readonly (4 | 6)[];
  /** Families of the automatic addresses in use; see `addressesIn`. */
  automatic: readonly ('v4' | 'v6')[];
  sidecar?: Sidecar | undefined;
  allowsUnknown: boolean;
  egress: readonly Egress[];
  /** Every service that needs clusters: those of the egresses, and those that their rules send traffic to. */
  services: readonly MeshService[];
  serviceByHost: ReadonlyMap<string, MeshService>;
  /** The DestinationRule of each host, where there is one. */
  rules: ReadonlyMap<string, MergedRule>;
  /** Everything that routes and listeners are made of: when none of it changed, neither did they. */
  inputs: readonly unknown[];
}>;

/** The scope of a proxy: built once a generation for all proxies that share it. */
export function scopeFor(index: MeshIndex, node: ProxyNode): Scope {
  const sidecar = sidecarFor(index, node);
  const readsLabels = dependsOnLabels(index.rules, node.namespace) || index.virtualServices.some(looksAtLabels);
  const labels = readsLabels ? node.labels : {};
  const looksAtNodes = index.services.some(({ trafficDistribution }) => trafficDistribution === 'PreferSameNode');
  const nodeName = looksAtNodes ? nodeNameOf(index, node) : '';
  const key = JSON.stringify([
    node.namespace,
    sidecar === undefined ? '' : `${sidecar.metadata.namespace}/${sidecar.metadata.name}`,
    Object.entries(labels).toSorted(([a], [b]) => compareText(a, b)),
    placeOf(index, node),
    nodeName,
    node.compat,
    node.interception,
    ipVersions(node).join(),
    automaticFamilies(node).join(),
  ]);
  const known = index.scopes.get(key);
  if (known !== undefined) {
    return known;
  }
  const scope = buildScope(index, node, { key, labels, sidecar, nodeName });
  index.scopes.set(key, scope);
  return scope;
}

/**
 * The Sidecar of a proxy: one of its namespace that selects it, else the namespace's own, else the root namespace's. The
 * oldest of several.
 */
function sidecarFor(index: MeshIndex, node: ProxyNode): Sidecar | undefined {
  const isWhole = (sidecar: Sidecar): boolean => Object.keys(sidecar.spec.workloadSelector?.labels ?? {}).length === 0;
  const own = index.sidecars
    .get(node.namespace)
    ?.find((s) => matchesLabels(s.spec.workloadSelector?.labels ?? {}, node.labels));
  return own ?? index.sidecars.get(index.mesh.rootNamespace)?.find(isWhole);
}

function buildScope(
  index: MeshIndex,
  node: ProxyNode,
  identity: Readonly<{ key: string; labels: Scope['labels']; sidecar: Sidecar | undefined; nodeName: string }>,
): Scope {
  const services = visibleServices(index, node.namespace);
  const virtualServices = visibleVirtualServices(index.virtualServices, node.namespace);
  const specs = identity.sidecar?.spec.egress;
  const egress =
    specs === undefined
      ? [{ services, virtualServices, claims: toClaims(virtualServices) }]
      : specs.map((spec) => selectEgress(spec, node.namespace, services, virtualServices));
  const needed = neededServices(egress, services);
  const client = { namespace: node.namespace, labels: node.labels, rootNamespace: index.mesh.rootNamespace };
  const rules = needed.map((service): [string, MergedRule | undefined] => [
    service.host,
    ruleFor(index.rules, client, service),
  ]);
  const policy = identity.sidecar?.spec.outboundTrafficPolicy?.mode ?? index.mesh.outboundTrafficPolicy;
  return {
    ...identity,
    namespace: node.namespace,
    locality: placeOf(index, node),
    compat: node.compat,
    interception: node.interception,
    ipVersions: ipVersions(node),
    automatic: automaticFamilies(node),
    allowsUnknown: policy === 'ALLOW_ANY',
    egress,
    services: needed,
    serviceByHost: new Map(needed.map((service) => [service.host, service])),
    rules: new Map(rules.filter((entry): entry is [string, MergedRule] => entry[1] !== undefined)),
    inputs: [
      index.mesh,
      identity.sidecar,
      ...egress.flatMap((one) => [...one.services, ...one.virtualServices.map(({ source }) => source), undefined]),
      ...rules.flatMap(([, rule]) => [...(rule?.sources ?? []), undefined]),
      ...needed,
    ],
  };
}

/** The virtual addresses (or CIDR blocks) of a service as the proxies of a scope know them. */
export function addressesIn(scope: Scope, { addresses, automaticAddress }: MeshService): readonly string[] {
  if (addresses.length > 0 || automaticAddress === undefined) return addresses;
  return scope.automatic.map((family) => automaticAddress[family]);
}

/** One service a host: of several that are exported to the namespace its own, else the oldest. */
function visibleServices(index: MeshIndex, namespace: string): readonly MeshService[] {
  const byHost = new Map<string, MeshService>();
  for (const service of index.services) {
    const known = byHost.get(service.host);
    const isNearer = known === undefined || (service.namespace === namespace && known.namespace !== namespace);
    if (isNearer && isExportedTo(service.exportTo, service.namespace, namespace)) {
      byHost.set(service.host, service);
    }
  }
  return [...byHost.values()];
}

/** What one entry of `egress` selects: `namespace/host`, where the namespace may be `.`, `*` or `~`. */
function selectEgress(
  spec: EgressSpec,
  namespace: string,
  services: readonly MeshService[],
  virtualServices: readonly MeshVirtualService[],
): Egress {
  const patterns = spec.hosts.map((entry) => {
    const slash = entry.indexOf('/');
    const owner = slash < 0 ? '*' : entry.slice(0, slash);
    return { owner: owner === '.' ? namespace : owner, host: entry.slice(slash + 1) };
  });
  const imports = (owner: string, host: string): boolean =>
    patterns.some(
      (p) => (p.owner === '*' || p.owner === owner) && (coversHost(p.host, host) || coversHost(host, p.host)),
    );
  const selected = virtualServices.filter((virtualService) =>
    virtualService.hosts.some((host) => imports(virtualService.source.metadata.namespace, host)),
  );
  return {
    spec,
    services: services.filter((service) => imports(service.namespace, service.host)),
    virtualServices: selected,
    claims: toClaims(selected),
  };
}

function neededServices(egress: readonly Egress[], visible: readonly MeshService[]): readonly MeshService[] {
  const selected = new Set(egress.flatMap(({ services }) => services));
  const targets = new Set(egress.flatMap(({ virtualServices }) => virtualServices.flatMap(destinationsOf)));
  return visible.filter((service) => selected.has(service) || targets.has(service.host));
}
