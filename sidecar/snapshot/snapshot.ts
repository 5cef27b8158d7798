/**
 * What the control plane (or a bootstrap file) said, as our own types: decoded by `xds/decode`, compiled to a plan by
 * `compile`. A snapshot is one frozen value; a later one shares the objects that did not change, so that compiling can tell
 * by identity what is new.
 */
import type { ClusterConfig } from './cluster.ts';
import type { Endpoints } from './endpoints.ts';
import type { ListenerConfig } from './listener.ts';
import type { RouteTable } from './route.ts';

export type Snapshot = Readonly<{
  listeners: ReadonlyMap<string, ListenerConfig>;
  routes: ReadonlyMap<string, RouteTable>;
  clusters: ReadonlyMap<string, ClusterConfig>;
  /** By EDS service name. */
  endpoints: ReadonlyMap<string, Endpoints>;
}>;

export const emptySnapshot: Snapshot = {
  listeners: new Map(),
  routes: new Map(),
  clusters: new Map(),
  endpoints: new Map(),
};

/** Whose defaults the listeners say; clusters have no place to say it. */
export function compatOf(snapshot: Snapshot): 'tulle' | 'istio' | undefined {
  for (const { compat } of snapshot.listeners.values()) if (compat !== '') return compat;
  return undefined;
}
