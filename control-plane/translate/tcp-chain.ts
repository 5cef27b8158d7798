/** What the filter chains of TCP and of TLS routes have in common. */
import type { VirtualService } from '#shared/model/resource.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import { connectAttempts } from './compat.ts';
import { policyFor } from './destination-rules.ts';
import type { TcpBinding } from './egress-ports.ts';
import { duration } from './features/connection-pool.ts';
import { tcpProxy } from './network-filters.ts';
import { outboundCluster } from './names.ts';
import { type RouteContext, routeTarget } from './route-destination.ts';
import type { Scope } from './scope.ts';

type TcpRule = NonNullable<VirtualService['spec']['tcp']>[number];

/** Where a rule sends connections. */
export type TcpRouted = Readonly<Pick<TcpRule, 'route'>>;

/** One filter chain to be: what it takes and where that goes. */
export type TcpChain = Readonly<{ match: TypedObject; filters: readonly TypedObject[] }>;

/**
 * `filter_chain_match` of address ranges (CIDR blocks, or single addresses) and server names. `*` among the names takes every
 * connection, TLS or not: names that stand beside it say nothing (Istio: `toFilterChainMatch`).
 */
export function chainMatch(ranges: readonly string[], serverNames: readonly string[] = []): TypedObject {
  const names = serverNames.includes('*') ? [] : serverNames.map((name) => name.toLowerCase()).toSorted();
  return {
    ...(ranges.length === 0 ? {} : { prefix_ranges: ranges.map(toRange) }),
    ...(names.length === 0 ? {} : { server_names: [...new Set(names)] }),
  };
}

/** The chain of a rule; `undefined` when its weights leave nobody to go to. */
export function routedChain(
  context: RouteContext,
  { route = [] }: TcpRouted,
  match: TypedObject,
): TcpChain | undefined {
  const { index, scope } = context;
  const targets = route.map(({ destination, weight }) => ({
    ...routeTarget(context, destination),
    subset: destination.subset,
    weight: weight ?? 0,
  }));
  const [first] = targets;
  if (first === undefined) {
    return undefined;
  }
  if (targets.length === 1) {
    const extra = proxySettings(scope, first);
    return { match, filters: [tcpProxy(index.mesh, first.cluster, first.cluster, extra)] };
  }
  const clusters = targets.filter(({ weight }) => weight > 0).map(({ cluster, weight }) => ({ name: cluster, weight }));
  if (clusters.length === 0) {
    return undefined;
  }
  const { namespace, name } = context.virtualService.source.metadata;
  const extra = proxySettings(scope, { ...first, subset: undefined });
  return { match, filters: [tcpProxy(index.mesh, `${name}.${namespace}`, { clusters }, extra)] };
}

/** The chain of a service to which no rule applies. */
export function directChain(
  { index, scope }: Pick<RouteContext, 'index' | 'scope'>,
  { service, port }: TcpBinding,
  match: TypedObject,
): TcpChain {
  const cluster = outboundCluster(port.port, '', service.host);
  const extra = proxySettings(scope, { host: service.host, port: port.port, subset: undefined });
  return { match, filters: [tcpProxy(index.mesh, cluster, cluster, extra)] };
}

/**
 * Idle time, age and hash by the rule of the (first) destination, not of the service that the client meant. Times are those of the
 * rule as a whole: settings of single ports do not reach the TCP proxy (`buildOutboundNetworkFiltersWithSingleDestination`).
 */
function proxySettings(
  scope: Scope,
  target: Readonly<{ host: string; port: number; subset: string | undefined }>,
): TypedObject {
  const rule = scope.rules.get(target.host);
  const tcp = rule?.trafficPolicy?.connectionPool?.tcp;
  const idle = duration(tcp?.idleTimeout);
  const age = duration(tcp?.maxConnectionDuration);
  const subset = rule?.subsets.find(({ name }) => name === target.subset);
  const hash = policyFor(rule, target.port, subset)?.loadBalancer?.consistentHash;
  const attempts = connectAttempts(scope.compat);
  return {
    ...(idle === undefined ? {} : { idle_timeout: idle }),
    ...(age === undefined ? {} : { max_downstream_connection_duration: age }),
    ...(attempts === undefined ? {} : { max_connect_attempts: attempts }),
    ...(hash?.useSourceIp === true ? { hash_policy: [{ source_ip: {} }] } : {}),
  };
}

function toRange(range: string): TypedObject {
  const [address = '', length = address.includes(':') ? '128' : '32'] = range.split('/');
  return { address_prefix: address, prefix_len: Number(length) };
}
