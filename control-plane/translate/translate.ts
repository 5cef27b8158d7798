/**
 * The translation: what users wrote -> the xDS resources of one proxy. Pure: the same resources and node give the same
 * messages, and what did not change is the same object as before.
 *
 *   MeshResources --indexMesh--> MeshIndex (once a generation)
 *                                   |
 *   ProxyNode --scopeFor--> Scope   |   (once a generation for all proxies that see the same)
 *                             |     |
 *                             +-- clusters, endpoints, listeners, routes of what goes out
 *   ProxyNode ---------------------- clusters and listeners of what comes in
 *
 * Names and shapes are Istio's, so that a stock Envoy takes everything and Istio's tools find what they look for; where
 * defaults differ is told in `compat.ts`. Input is validated: what cannot be translated has been refused before.
 */
import type { TypedMessage } from '#shared/xds/typed.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { clusterType, outboundClusterFor } from './clusters.ts';
import { fixedClusters, inboundClusterFor } from './clusters-inbound.ts';
import { clusterName, destinationsOfScope } from './destinations.ts';
import { proxyBinding } from './egress-ports.ts';
import { endpointsFor } from './endpoints.ts';
import { inboundPortsOf } from './inbound-ports.ts';
import { inboundListeners } from './listeners-inbound.ts';
import { httpListener, outboundListeners } from './listeners-outbound.ts';
import type { MeshIndex } from './mesh-index.ts';
import { nameTable } from './name-table.ts';
import { httpProxyPort, type ProxyNode, resolvesNames } from './proxy-node.ts';
import { routeConfigurations, routesOfBinding } from './routes.ts';
import { type Scope, scopeFor } from './scope.ts';

export { indexMesh, type MeshIndex } from './mesh-index.ts';
export { toMeshResources, type MeshResources } from './mesh-resources.ts';
export type { ProxyNode } from './proxy-node.ts';

type Named = ReadonlyMap<string, TypedMessage>;

/** The resources of a proxy: by type URL, then by name. */
export type TypedResources = ReadonlyMap<string, Named>;

/** Translates the mesh for one proxy. */
export function translate(index: MeshIndex, node: ProxyNode): TypedResources {
  const scope = scopeFor(index, node);
  const outbound = outboundOf(index, scope);
  const inbound = inboundOf(index, scope, node);
  const proxy = node.interception === 'NONE' ? proxyBinding(scope, httpProxyPort(node)) : undefined;
  const proxyListeners = proxy === undefined ? [] : [httpListener(index, scope, proxy)];
  const proxyRoutes = proxy === undefined ? [] : [routesOfBinding(index, scope, proxy)];
  const own = (messages: readonly TypedMessage[]): readonly TypedMessage[] =>
    messages.map((message) => index.memo.intern(`node/${node.id}/${message['@type']}/${nameOf(message)}`, message));
  return new Map<string, Named>([
    [typeUrls.cluster, withOthers(outbound.clusters, [...own(inbound.clusters), ...fixedClusters(index, node)])],
    [typeUrls.endpoints, outbound.endpoints],
    [typeUrls.listener, withOthers(outbound.listeners, own([...proxyListeners, ...inbound.listeners]))],
    [typeUrls.routes, withOthers(outbound.routes, proxyRoutes)],
    ...(resolvesNames(node) ? [[typeUrls.nameTable, nameTable(index, scope)] as const] : []),
  ]);
}

function inboundOf(
  index: MeshIndex,
  scope: Scope,
  node: ProxyNode,
): Readonly<{ clusters: readonly TypedMessage[]; listeners: readonly TypedMessage[] }> {
  const ports = inboundPortsOf(index, scope, node);
  return {
    clusters: ports.map((port) => inboundClusterFor(index, scope, node, port)),
    listeners: inboundListeners(index, node, ports),
  };
}

function withOthers(shared: Named, others: readonly TypedMessage[]): Named {
  return others.length === 0
    ? shared
    : new Map([...shared, ...others.map((m): [string, TypedMessage] => [nameOf(m), m])]);
}

function nameOf(message: TypedMessage): string {
  return String(message['name']);
}

type Outbound = Readonly<{ clusters: Named; endpoints: Named; listeners: Named; routes: Named }>;

/** What goes out, shared by all proxies of a scope. */
const outboundByScope = new WeakMap<Scope, Outbound>();

function outboundOf(index: MeshIndex, scope: Scope): Outbound {
  const known = outboundByScope.get(scope);
  if (known !== undefined) {
    return known;
  }
  const destinations = destinationsOfScope(scope);
  const discovered = destinations.filter((destination) => clusterType(scope, destination) === 'EDS');
  const outbound: Outbound = {
    clusters: new Map(destinations.map((d) => [clusterName(d), outboundClusterFor(index, scope, d)])),
    endpoints: new Map(discovered.map((d) => [clusterName(d), endpointsFor(index, scope, d)])),
    listeners: outboundListeners(index, scope),
    routes: routeConfigurations(index, scope),
  };
  outboundByScope.set(scope, outbound);
  return outbound;
}
