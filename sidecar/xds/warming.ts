/**
 * What of the held resources the data path may use: clusters whose endpoints are known, listeners whose routes are known.
 * While a changed cluster or listener still waits, its last warm form stays in use, so that a change never takes away what
 * worked (Envoy: cluster and listener warming).
 */
import type { ClusterConfig } from '../snapshot/cluster.ts';
import type { Endpoints } from '../snapshot/endpoints.ts';
import type { ListenerConfig } from '../snapshot/listener.ts';
import type { RouteTable } from '../snapshot/route.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { XdsState } from './session.ts';

/** The warm part of what is held, and the names of what still waits. */
export function warmSnapshot(state: XdsState, previous: Snapshot): { snapshot: Snapshot; waiting: readonly string[] } {
  const waiting: string[] = [];
  const endpoints = new Map<string, Endpoints>();
  for (const { name, decoded } of state.held.endpoints.values()) {
    if (decoded.type === 'endpoints') endpoints.set(name, decoded.value);
  }
  for (const name of state.absent.endpoints) {
    if (!endpoints.has(name)) endpoints.set(name, { clusterName: name, localities: [], overprovisioningFactor: 140 });
  }
  const routes = new Map<string, RouteTable>();
  for (const { name, decoded } of state.held.routes.values())
    if (decoded.type === 'routes') routes.set(name, decoded.value);

  const clusters = new Map<string, ClusterConfig>();
  for (const { name, decoded } of state.held.cluster.values()) {
    if (decoded.type !== 'cluster') continue;
    const cluster = decoded.value;
    const isWarm = cluster.discovery.kind !== 'eds' || endpoints.has(cluster.discovery.serviceName);
    if (!isWarm) waiting.push(`cluster ${name}`);
    const usable = isWarm ? cluster : previous.clusters.get(name);
    if (usable !== undefined) clusters.set(name, usable);
  }
  const listeners = new Map<string, ListenerConfig>();
  for (const { name, decoded } of state.held.listener.values()) {
    if (decoded.type !== 'listener') continue;
    const isWarm = routeNames(decoded.value).every((route) => routes.has(route) || state.absent.routes.has(route));
    if (!isWarm) waiting.push(`listener ${name}`);
    const usable = isWarm ? decoded.value : previous.listeners.get(name);
    if (usable !== undefined) listeners.set(name, usable);
  }
  keepReferenced(listeners, routes, previous);
  return { snapshot: { listeners, routes, clusters, endpoints }, waiting };
}

/** Routes of listeners that are kept in their former form stay too. */
function keepReferenced(
  listeners: Map<string, ListenerConfig>,
  routes: Map<string, RouteTable>,
  previous: Snapshot,
): void {
  for (const listener of listeners.values()) {
    for (const name of routeNames(listener)) {
      const former = previous.routes.get(name);
      if (!routes.has(name) && former !== undefined) routes.set(name, former);
    }
  }
}

function routeNames(listener: ListenerConfig): string[] {
  return [...listener.chains, listener.defaultChain].flatMap((chain) =>
    chain?.handler.kind === 'http' && chain.handler.http.routes.kind === 'rds' ? [chain.handler.http.routes.name] : [],
  );
}
