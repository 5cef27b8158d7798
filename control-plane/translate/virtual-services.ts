import type { VirtualService } from '#shared/model/resource.ts';
import { byAge } from '#shared/model/by-age.ts';
import { coversHost, isWildcard, resolveHost } from '#shared/model/hostname.ts';
import { isExportedTo } from './mesh-service.ts';

/** A VirtualService with its hosts resolved in its namespace. */
export type MeshVirtualService = Readonly<{
  source: VirtualService;
  hosts: readonly string[];
  /** Made of a TrafficSplit. */
  isSplit: boolean;
}>;

/** The VirtualServices that bind sidecars (gateway `mesh`), oldest first; those made of TrafficSplits after the others. */
export function meshVirtualServices(
  virtualServices: readonly VirtualService[],
  splits: readonly VirtualService[],
): readonly MeshVirtualService[] {
  const toMesh = (source: VirtualService, isSplit: boolean): MeshVirtualService => ({
    source,
    hosts: (source.spec.hosts ?? []).map((host) => resolveHost(host, source.metadata.namespace)),
    isSplit,
  });
  const bound = virtualServices.filter(({ spec }) => spec.gateways === undefined || spec.gateways.includes('mesh'));
  return [
    ...bound.toSorted(byAge).map((source) => toMesh(source, false)),
    ...splits.toSorted(byAge).map((source) => toMesh(source, true)),
  ];
}

/**
 * Those that a namespace may see, in the order in which they claim hosts: private to the namespace, then exported to it by
 * name, then public ones; the older first.
 */
export function visibleVirtualServices(
  all: readonly MeshVirtualService[],
  namespace: string,
): readonly MeshVirtualService[] {
  const rank = ({ source, isSplit }: MeshVirtualService): number => {
    const exportTo = source.spec.exportTo ?? [];
    const isOwn = source.metadata.namespace === namespace;
    if (isSplit) {
      return 3;
    }
    if (isOwn && exportTo.length > 0 && exportTo.every((target) => target === '.' || target === namespace)) {
      return 0;
    }
    return exportTo.includes(namespace) ? 1 : 2;
  };
  return all
    .filter(({ source }) => isExportedTo(source.spec.exportTo ?? [], source.metadata.namespace, namespace))
    .map((virtualService) => ({ virtualService, rank: rank(virtualService) }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ virtualService }) => virtualService);
}

/** Who claims which host. */
export type Claims = Readonly<{
  exact: ReadonlyMap<string, MeshVirtualService>;
  /** Wildcard hosts, the longest first. */
  wildcards: readonly Readonly<{ pattern: string; virtualService: MeshVirtualService }>[];
}>;

/** The claims of VirtualServices, given in the order in which they claim. */
export function toClaims(visible: readonly MeshVirtualService[]): Claims {
  const exact = new Map<string, MeshVirtualService>();
  const wildcards: { pattern: string; virtualService: MeshVirtualService }[] = [];
  for (const virtualService of visible) {
    for (const host of virtualService.hosts) {
      if (!exact.has(host)) {
        exact.set(host, virtualService);
      }
      if (isWildcard(host)) {
        wildcards.push({ pattern: host, virtualService });
      }
    }
  }
  return { exact, wildcards: wildcards.toSorted((a, b) => b.pattern.length - a.pattern.length) };
}

/**
 * The VirtualService that holds for a host: the first that names it, else the one with the most specific wildcard over it.
 * It wins whole; rules of others for the same host are not looked at.
 */
export function claimant(claims: Claims, host: string): MeshVirtualService | undefined {
  return claims.exact.get(host) ?? claims.wildcards.find(({ pattern }) => coversHost(pattern, host))?.virtualService;
}

/**
 * Every VirtualService whose `tcp` and `tls` rules count for a host, or for a part of it if it is a wildcard, in the order in which they
 * claim hosts.
 */
export function ruling(all: readonly MeshVirtualService[], host: string): readonly MeshVirtualService[] {
  return all.filter(({ hosts }) => hosts.some((own) => coversHost(own, host) || coversHost(host, own)));
}

/** Whether any rule looks at the labels of the client. */
export function looksAtLabels({ source }: MeshVirtualService): boolean {
  const { http, tcp, tls } = source.spec;
  return [...(http ?? []), ...(tcp ?? []), ...(tls ?? [])].some((rule) =>
    (rule.match ?? []).some((match) => Object.keys(match.sourceLabels ?? {}).length > 0),
  );
}

/** Every destination host that its rules can send traffic to, mirrors included. */
export function destinationsOf({ source }: MeshVirtualService): readonly string[] {
  const { http, tcp, tls } = source.spec;
  const routes = [...(http ?? []), ...(tcp ?? []), ...(tls ?? [])].flatMap((rule) => rule.route ?? []);
  const mirrors = (http ?? []).flatMap((rule) => [rule.mirror, ...(rule.mirrors ?? []).map((m) => m.destination)]);
  return [...routes.map(({ destination }) => destination), ...mirrors]
    .filter((destination) => destination !== undefined)
    .map(({ host }) => resolveHost(host, source.metadata.namespace));
}
