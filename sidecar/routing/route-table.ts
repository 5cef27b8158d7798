/**
 * Routing: a route table of the snapshot comes in, is compiled once (`compileRouteTable`), and finds the route of each request.
 * Nothing here keeps state of a request, reads a clock or does I/O; randomness is handed in. A compiled table is immutable and is
 * shared by all requests that started under it; a new configuration makes a new one.
 *
 *   authority -> virtual host (domains.ts) -> routes in order (match.ts) -> CompiledRoute -> target (weighted.ts)
 *                                                                          -> headers, host and path (header-ops.ts, rewrite.ts)
 *                                                                          or a redirect (redirect.ts)
 */
import type { RequestHead } from '../http1/message.ts';
import type { RouteTable, VirtualHost } from '../snapshot/route.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { Result } from '#shared/runtime/result.ts';
import { fail, ok } from '#shared/runtime/result.ts';
import { CompiledRoute } from './compiled-route.ts';
import { DomainIndex } from './domains.ts';
import { withoutQuery } from './path.ts';
import type { CompileScope } from './regex.ts';

/** What routing must know of a request besides its head. */
export type RouteContext = Readonly<{ random: Random; isGrpc: boolean }>;

type CompiledVirtualHost = Readonly<{ config: VirtualHost; routes: readonly CompiledRoute[]; hasFractions: boolean }>;

/** A route table, ready to be asked. */
export class CompiledRouteTable {
  readonly config: RouteTable;
  readonly #virtualHosts: DomainIndex<CompiledVirtualHost>;

  constructor(config: RouteTable, scope: CompileScope) {
    this.config = config;
    const compiled = config.virtualHosts.map((virtualHost) => compileVirtualHost(virtualHost, config, scope));
    const entries = compiled.flatMap((one) => one.config.domains.map((domain) => [domain, one] as const));
    this.#virtualHosts = new DomainIndex(entries, config.ignorePortInHost);
  }

  /** The first route of the request's virtual host that takes it; null if there is none (see `whyNotFound`). */
  find(head: RequestHead, context: RouteContext): CompiledRoute | null {
    const virtualHost = this.#virtualHosts.find(head.authority);
    if (virtualHost === null) return null;
    const path = withoutQuery(head.path);
    // One draw a request: fractions of successive routes then are shares of the same whole.
    const draw = virtualHost.hasFractions ? context.random() : 0;
    for (const route of virtualHost.routes) {
      if (route.matches(head, path, context.isGrpc, draw)) return route;
    }
    return null;
  }

  /** Why `find` returned null: nobody has this host, or its virtual host has no route for the request. */
  whyNotFound(head: RequestHead): 'no_virtual_host' | 'no_route' {
    return this.#virtualHosts.find(head.authority) === null ? 'no_virtual_host' : 'no_route';
  }

  /** The virtual host of an authority, for showing configuration. */
  virtualHostOf(authority: string): VirtualHost | null {
    return this.#virtualHosts.find(authority)?.config ?? null;
  }
}

/** What was compiled when a table was judged is there when it is put into force: twice would take as long again. */
const known = new WeakMap<RouteTable, Result<CompiledRouteTable>>();

/** Compiles a table, or says everything that is wrong with its patterns, formats and rewrites. The same table is compiled once. */
export function compileRouteTable(table: RouteTable): Result<CompiledRouteTable> {
  const before = known.get(table);
  if (before !== undefined) return before;
  const result = compileAnew(table);
  known.set(table, result);
  return result;
}

function compileAnew(table: RouteTable): Result<CompiledRouteTable> {
  const scope: CompileScope = { path: `routes[${table.name}]`, problems: [] };
  const compiled = new CompiledRouteTable(table, scope);
  return scope.problems.length === 0 ? ok(compiled) : fail(scope.problems);
}

function compileVirtualHost(config: VirtualHost, table: RouteTable, scope: CompileScope): CompiledVirtualHost {
  const routes = config.routes.map((route, index) => {
    const path = `${scope.path}.virtualHosts[${config.name}].routes[${route.name === '' ? index : route.name}]`;
    return new CompiledRoute(route, config, table, { path, problems: scope.problems });
  });
  return { config, routes, hasFractions: config.routes.some((route) => route.match.fraction !== null) };
}
