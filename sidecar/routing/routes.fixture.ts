import assert from 'node:assert/strict';
import type { PathMatch } from '../snapshot/matchers.ts';
import type { ForwardAction, Route, RouteTable, VirtualHost } from '../snapshot/route.ts';
import { noHeaderOps } from '../snapshot/route.ts';
import type { CompiledRouteTable } from './route-table.ts';
import { compileRouteTable } from './route-table.ts';

/** A path match for tests: `/a` is exact, `/a*` a prefix, `~...` a regular expression. */
export function aPath(text: string): PathMatch {
  if (text.startsWith('~')) return { kind: 'regex', pattern: text.slice(1) };
  if (text.endsWith('*')) return { kind: 'prefix', value: text.slice(0, -1), ignoreCase: false };
  return { kind: 'exact', value: text, ignoreCase: false };
}

/** What a route does in tests: forwards to one cluster. */
export function aForward(cluster: string, fields: Partial<ForwardAction> = {}): ForwardAction {
  return {
    kind: 'forward',
    target: { kind: 'cluster', name: cluster },
    timeoutMs: 0,
    idleTimeoutMs: null,
    maxGrpcTimeoutMs: null,
    streamDuration: null,
    retry: null,
    prefixRewrite: null,
    regexRewrite: null,
    hostRewrite: null,
    hashPolicies: [],
    mirrors: [],
    priority: 'default',
    clusterNotFoundStatus: 503,
    upgrades: new Map(),
    ...fields,
  };
}

type RouteFields = Partial<Omit<Route, 'match'>> & { match?: Partial<Route['match']> };

/** A route for tests, named after its path; it forwards to a cluster of its name. */
export function aRoute(path: string, { match, ...fields }: RouteFields = {}): Route {
  return {
    name: path,
    match: { path: aPath(path), headers: [], query: [], grpcOnly: false, fraction: null, ...match },
    action: aForward(fields.name ?? path),
    requestHeaders: noHeaderOps,
    responseHeaders: noHeaderOps,
    filters: {},
    operation: '',
    ...fields,
  };
}

/** A virtual host for tests, named after its first domain. */
export function aVirtualHost(domains: readonly string[], routes: readonly Route[]): VirtualHost {
  const levels = { requestHeaders: noHeaderOps, responseHeaders: noHeaderOps, filters: {} };
  return {
    name: domains[0] ?? '',
    domains,
    routes,
    includeAttemptCount: true,
    attemptCountInResponse: false,
    retry: null,
    ...levels,
  };
}

/** A route table for tests. */
export function aTable(virtualHosts: readonly VirtualHost[], fields: Partial<RouteTable> = {}): RouteTable {
  return {
    name: '80',
    virtualHosts,
    ignorePortInHost: true,
    requestHeaders: noHeaderOps,
    responseHeaders: noHeaderOps,
    maxDirectResponseBytes: 4096,
    ...fields,
  };
}

/** Compiles a table that must be good. */
export function compiled(table: RouteTable): CompiledRouteTable {
  const result = compileRouteTable(table);
  assert(result.ok, JSON.stringify(result));
  return result.value;
}

/** A table with one virtual host `*` and these routes. */
export function aTableOf(routes: readonly Route[], fields: Partial<RouteTable> = {}): CompiledRouteTable {
  return compiled(aTable([aVirtualHost(['*'], routes)], fields));
}
