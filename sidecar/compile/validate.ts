/** What is wrong with a decoded resource beyond its form: patterns, formats, filters. Asked before a resource is accepted. */
import type { Problem } from '#shared/runtime/result.ts';
import { checkOverrides, compileFilters } from '../filters/order.ts';
import { compileConnectionGuard } from '../filters/rbac.ts';
import { compileRouteTable } from '../routing/route-table.ts';
import type { HttpFilterOverrides } from '../snapshot/http-filter.ts';
import type { AccessLogConfig, FilterChain, ListenerConfig } from '../snapshot/listener.ts';
import type { RouteTable } from '../snapshot/route.ts';
import { compileAccessLogFormat, compileFlagFilter } from '../telemetry/access-log.ts';

/** Everything that keeps a route table from being compiled. */
export function validateRouteTable(table: RouteTable): readonly Problem[] {
  const compiled = compileRouteTable(table);
  const overrides = table.virtualHosts.flatMap((host) => [
    ...inOverrides(host.filters, `virtual_hosts[${host.name}]`),
    ...host.routes.flatMap((route, index) => {
      const path = `virtual_hosts[${host.name}].routes[${route.name === '' ? index : route.name}]`;
      const target = route.action.kind === 'forward' ? route.action.target : null;
      const weighted = target?.kind === 'weighted' ? target.clusters : [];
      return [
        ...inOverrides(route.filters, path),
        ...weighted.flatMap((cluster) => inOverrides(cluster.filters, `${path}.${cluster.name}`)),
      ];
    }),
  ]);
  return [...(compiled.ok ? [] : compiled.problems), ...overrides];
}

/** Everything that keeps a listener from being compiled. */
export function validateListener(listener: ListenerConfig): readonly Problem[] {
  const chains = [...listener.chains, ...(listener.defaultChain === null ? [] : [listener.defaultChain])];
  return [...validateAccessLogs(listener.accessLogs), ...chains.flatMap(validateChain)];
}

function validateChain({ rbac, handler }: FilterChain): readonly Problem[] {
  const guard = compileConnectionGuard(rbac);
  const ofGuard = guard.ok ? [] : guard.problems;
  if (handler.kind === 'tcp') return [...ofGuard, ...validateAccessLogs(handler.tcp.accessLogs)];
  const { http } = handler;
  const filters = compileFilters(http.filters, { xffTrustedHops: http.xffTrustedHops });
  return [
    ...ofGuard,
    ...(filters.ok ? [] : filters.problems),
    ...validateAccessLogs(http.accessLogs),
    ...(http.routes.kind === 'inline' ? validateRouteTable(http.routes.table) : []),
  ];
}

function validateAccessLogs(logs: readonly AccessLogConfig[]): readonly Problem[] {
  return logs.flatMap(({ format, onlyFlags }) => {
    const compiled = compileAccessLogFormat(format, 'access_log.log_format');
    const filter = compileFlagFilter(onlyFlags, 'access_log.filter');
    return [...(compiled.ok ? [] : compiled.problems), ...(filter.ok ? [] : filter.problems)];
  });
}

function inOverrides(overrides: HttpFilterOverrides, path: string): readonly Problem[] {
  return Object.keys(overrides).length === 0 ? [] : checkOverrides(overrides, path);
}
