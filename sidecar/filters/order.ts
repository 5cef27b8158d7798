/**
 * The HTTP filters of a chain: their configurations come in, compiled filters go out, in the listener's order, which Tulle's
 * control plane makes (as Istio's does):
 *
 *   rbac LOG, rbac DENY, rbac ALLOW   first, so that nobody who may not come in is answered, delayed or told of CORS;
 *                                     DENY before ALLOW, because a denial is final
 *   fault                             before CORS, as an injected fault stands for the application, and before the router, so
 *                                     that the route's retries and timeout do not see it
 *   cors                              answers preflights for the application; next to the router, whose local replies it marks
 *                                     for the browser like answers of the application
 *   (router)                          implied at the end
 *
 * Requests pass the filters in this order, responses in the reverse one. Each filter is shared by all requests of its chain.
 */
import type { HttpRequestFilter } from '../proxy/filter.ts';
import type { CompileScope } from '../routing/regex.ts';
import { within } from '../routing/regex.ts';
import type { HttpFilter, HttpFilterOverrides } from '../snapshot/http-filter.ts';
import type { Problem, Result } from '#shared/runtime/result.ts';
import { fail, ok } from '#shared/runtime/result.ts';
import { compileCors, CorsFilter } from './cors.ts';
import { compileFault, FaultFilter } from './fault.ts';
import { compileRbac } from './rbac-rules.ts';
import { RbacFilter } from './rbac.ts';

/** What of the HTTP manager the filters depend on. */
export type FilterOptions = Readonly<{
  /** How many entries at the end of `x-forwarded-for` trusted proxies have written. */
  xffTrustedHops: number;
}>;

/** Compiles the filters of a chain, in order, or says all that is wrong with them. */
export function compileFilters(
  filters: readonly HttpFilter[],
  options: FilterOptions = { xffTrustedHops: 0 },
): Result<readonly HttpRequestFilter[]> {
  const problems: Problem[] = [];
  const compiled = filters.map((filter, index) =>
    compileFilter(filter, options, { path: `filters[${index}].${filter.kind}`, problems }),
  );
  return problems.length === 0 ? ok(compiled) : fail(problems);
}

function compileFilter(filter: HttpFilter, options: FilterOptions, scope: CompileScope): HttpRequestFilter {
  switch (filter.kind) {
    case 'fault':
      return new FaultFilter(filter.config, scope);
    case 'cors':
      return new CorsFilter(filter.config, scope);
    case 'rbac':
      return new RbacFilter(filter.config, options.xffTrustedHops, scope);
  }
}

/** What is wrong with the overrides of a route, virtual host or weighted cluster: to be asked when a configuration is taken in. */
export function checkOverrides(overrides: HttpFilterOverrides, path: string): readonly Problem[] {
  const scope: CompileScope = { path, problems: [] };
  if (overrides.fault !== undefined) compileFault(overrides.fault, within(scope, 'fault'));
  if (overrides.cors !== undefined) compileCors(overrides.cors, within(scope, 'cors'));
  if (overrides.rbac !== undefined && overrides.rbac !== null) {
    compileRbac(overrides.rbac, { ...within(scope, 'rbac'), clientAddress: (peer) => peer.remoteAddress });
  }
  return scope.problems;
}
