import { isHttp } from '#shared/model/protocol.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import { compareText } from '#shared/model/by-age.ts';
import { policyFor } from './destination-rules.ts';
import { hashPolicy } from './features/load-balancer.ts';
import { coversHost, isWildcard } from '#shared/model/hostname.ts';
import { httpRoutes } from './http-route.ts';
import type { MeshIndex } from './mesh-index.ts';
import type { MeshPort, MeshService } from './mesh-service.ts';
import { blackHoleCluster, outboundCluster, passthroughCluster } from './names.ts';
import { retryPolicy } from './retry-policy.ts';
import { addressesIn, type Egress, type Scope } from './scope.ts';
import { compact } from './typed-builder.ts';
import { claimant, type MeshVirtualService } from './virtual-services.ts';

/** A virtual host before its domains are made unique. */
type HostDraft = Readonly<{ name: string; domains: readonly string[]; routes: readonly TypedObject[] }>;

/** Services of an egress that speak HTTP, or perhaps do, on a port. */
export function httpServicesOn(
  egress: Egress,
  port: number,
): readonly Readonly<{ service: MeshService; port: MeshPort }>[] {
  return egress.services.flatMap((service) => {
    const found = portFor(egress, service, port);
    return found === undefined || !speaksHttp(found) ? [] : [{ service, port: found }];
  });
}

/**
 * The port of a service that a listener on a port leads to: the same one. A listener that a Sidecar declares leads to the
 * only port of a service as well, whatever its number.
 */
export function portFor(egress: Egress, service: MeshService, port: number): MeshPort | undefined {
  const same = service.ports.find((candidate) => candidate.port === port);
  const isDeclared = egress.spec?.port?.number === port;
  return same ?? (isDeclared && service.ports.length === 1 ? service.ports[0] : undefined);
}

/** Whether HTTP routes are made for a port: it is HTTP, or its protocol is found out per connection. */
export function speaksHttp(port: MeshPort): boolean {
  return isHttp(port.protocol) || port.protocol === 'auto';
}

/** The virtual hosts of a port, by name; with `:port` variants of the domains when the port counts in matching. */
export function virtualHostsOn(
  index: MeshIndex,
  scope: Scope,
  egress: Egress,
  options: Readonly<{ port: number; withPort: boolean }>,
): readonly TypedObject[] {
  const entries = httpServicesOn(egress, options.port);
  const known = new Set(entries.map(({ service }) => service.host));
  const claimed = Map.groupBy(entries, ({ service }) => claimant(egress.claims, service.host));
  const routed: HostDraft[] = [];
  const unclaimed = [...(claimed.get(undefined) ?? [])];
  for (const virtualService of egress.virtualServices) {
    const services = claimed.get(virtualService) ?? [];
    const unknown = services.length > 0 || options.port === 80 ? unknownHosts(known, virtualService) : [];
    const routes =
      services.length + unknown.length === 0 ? [] : httpRoutes({ index, scope, virtualService, port: options.port });
    if (routes.length === 0) {
      unclaimed.push(...services);
      continue;
    }
    routed.push(
      ...unknown.map((host): HostDraft => ({ name: `${host}:${options.port}`, domains: [host], routes })),
      ...services.map(({ service, port }) => serviceHost(scope, service, port, routes)),
    );
  }
  const plain = unclaimed.map(({ service, port }) =>
    serviceHost(scope, service, port, [defaultRoute(scope, service, port)]),
  );
  return uniqueHosts([...routed, ...plain], options);
}

/** What happens to hosts that are unknown: passed through, or 502. */
export function catchAllHost(scope: Scope): TypedObject {
  const name = scope.allowsUnknown ? 'allow_any' : 'block_all';
  const action = scope.allowsUnknown
    ? { route: { cluster: passthroughCluster, timeout: '0s', max_grpc_timeout: '0s' } }
    : { direct_response: { status: 502 } };
  return {
    name,
    domains: ['*'],
    routes: [{ name, match: { prefix: '/' }, ...action }],
    include_request_attempt_count: true,
  };
}

/** The cluster of connections that belong to no service. */
export function unknownCluster(scope: Scope): string {
  return scope.allowsUnknown ? passthroughCluster : blackHoleCluster;
}

/** The names under which a service is reached from a namespace: in full, in short forms, and by its addresses. */
export function domainsOf(scope: Scope, service: MeshService): readonly string[] {
  const { host } = service;
  const names = [host, ...(isWildcard(host) ? [] : [`${host}.`]), ...shortForms(host, scope.namespace)];
  const wild = service.isKubernetes && service.resolution === 'NONE' ? names.map((name) => `*.${name}`) : [];
  const addresses = addressesIn(scope, service).filter((address) => !address.includes('/') && address !== '0.0.0.0');
  return [...names, ...wild, ...addresses.map((address) => (address.includes(':') ? `[${address}]` : address))];
}

function shortForms(host: string, clientNamespace: string): readonly string[] {
  const suffix = '.svc.cluster.local';
  if (!host.endsWith(suffix) || isWildcard(host)) {
    return [];
  }
  const qualified = host.slice(0, -suffix.length);
  const dot = qualified.indexOf('.');
  if (dot < 0) {
    return [];
  }
  return qualified.slice(dot + 1) === clientNamespace
    ? [qualified.slice(0, dot), `${qualified}.svc`, qualified]
    : [qualified, `${qualified}.svc`];
}

function serviceHost(scope: Scope, service: MeshService, port: MeshPort, routes: readonly TypedObject[]): HostDraft {
  return { name: `${service.host}:${port.port}`, domains: domainsOf(scope, service), routes };
}

function defaultRoute(scope: Scope, service: MeshService, port: MeshPort): TypedObject {
  const hash = policyFor(scope.rules.get(service.host), port.port)?.loadBalancer?.consistentHash;
  const policy = hash === undefined ? undefined : hashPolicy(hash);
  return {
    name: 'default',
    match: { prefix: '/' },
    route: compact({
      cluster: outboundCluster(port.port, '', service.host),
      timeout: '0s',
      max_grpc_timeout: '0s',
      retry_policy: retryPolicy(undefined, scope.compat, false),
      hash_policy: policy === undefined ? undefined : [policy],
    }),
    decorator: { operation: `${service.host}:${port.port}/*` },
  };
}

/** Hosts of a VirtualService that no service on the port answers to. */
function unknownHosts(known: ReadonlySet<string>, virtualService: MeshVirtualService): readonly string[] {
  return virtualService.hosts.filter((host) =>
    isWildcard(host) ? ![...known].some((name) => coversHost(host, name)) : !known.has(host),
  );
}

/** Sorted by name; a domain belongs to the first virtual host that has it, and a short form never hides a full name. */
function uniqueHosts(
  drafts: readonly HostDraft[],
  { port, withPort }: Readonly<{ port: number; withPort: boolean }>,
): readonly TypedObject[] {
  const names = new Set<string>();
  const taken = new Set<string>();
  const full = new Set(drafts.map(({ domains }) => domains[0]));
  const hosts: { name: string; host: TypedObject }[] = [];
  for (const { name, domains, routes } of drafts) {
    if (names.has(name)) {
      continue;
    }
    names.add(name);
    const own = domains.filter((domain, i) => !taken.has(domain.toLowerCase()) && (i === 0 || !full.has(domain)));
    own.forEach((domain) => taken.add(domain.toLowerCase()));
    const all = withPort ? own.flatMap((domain) => portVariants(domain, port)) : own;
    if (all.length > 0) {
      hosts.push({ name, host: { name, domains: all, routes, include_request_attempt_count: true } });
    }
  }
  return hosts.toSorted((a, b) => compareText(a.name, b.name)).map(({ host }) => host);
}

/** With the port written out; without it only where it is the default of HTTP. */
function portVariants(domain: string, port: number): readonly string[] {
  return port === 80 ? [domain, `${domain}:${port}`] : [`${domain}:${port}`];
}
