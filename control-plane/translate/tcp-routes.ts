import type { VirtualService } from '#shared/model/resource.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import type { TcpBinding } from './egress-ports.ts';
import { duration } from './features/connection-pool.ts';
import { isTls } from '#shared/model/protocol.ts';
import { coversHost } from '#shared/model/hostname.ts';
import { policyFor } from './destination-rules.ts';
import type { MeshIndex } from './mesh-index.ts';
import { outboundCluster } from './names.ts';
import { tcpProxy } from './network-filters.ts';
import { type RouteContext, routeTarget } from './route-destination.ts';
import { appliesTo } from './http-route.ts';
import type { Scope } from './scope.ts';
import { claimant } from './virtual-services.ts';

type Spec = VirtualService['spec'];
type Routed = Readonly<{ route?: NonNullable<NonNullable<Spec['tcp']>[number]['route']> }>;

/** One filter chain to be: what it takes and where that goes. */
export type TcpChain = Readonly<{ match: TypedObject; filters: readonly TypedObject[] }>;

/** The chains of a TCP service port: TLS rules by server name, then the TCP rule that applies, then the service itself. */
export function tcpChains(index: MeshIndex, scope: Scope, binding: TcpBinding): readonly TcpChain[] {
  const { service, port, ranges } = binding;
  const virtualService = claimant(binding.egress.claims, service.host);
  const prefixes = ranges.length === 0 ? {} : { prefix_ranges: ranges.map(toRange) };
  const direct = outboundCluster(port.port, '', service.host);
  const fallback = (): TcpChain => ({
    match: { ...prefixes, ...ownName(binding) },
    filters: [tcpProxy(index.mesh, direct, direct, proxySettings(scope, binding))],
  });
  if (virtualService === undefined) {
    return [fallback()];
  }
  const context: RouteContext = { index, scope, virtualService, port: port.port };
  const byName = tlsChains(context, binding, prefixes);
  const rule = (virtualService.source.spec.tcp ?? []).find(
    ({ match }) => match === undefined || match.length === 0 || match.some((m) => appliesTo(m, context)),
  );
  const chain = rule === undefined ? undefined : toChain(context, binding, rule, prefixes);
  return [...byName, chain ?? fallback()];
}

/** On the wildcard address only the server name tells services with TLS apart. */
function ownName({ service, port, address, ranges }: TcpBinding): TypedObject {
  return isTls(port.protocol) && address === '0.0.0.0' && ranges.length === 0 ? { server_names: [service.host] } : {};
}

function tlsChains(context: RouteContext, binding: TcpBinding, prefixes: TypedObject): readonly TcpChain[] {
  if (!isTls(binding.port.protocol)) {
    return [];
  }
  const seen = new Set<string>();
  return (context.virtualService.source.spec.tls ?? []).flatMap((rule) =>
    rule.match
      .filter((match) => appliesTo(match, context))
      .flatMap((match) => {
        const names = match.sniHosts.filter(
          (name) => !seen.has(name) && context.virtualService.hosts.some((host) => coversHost(host, name)),
        );
        names.forEach((name) => seen.add(name));
        const chain =
          names.length === 0 ? undefined : toChain(context, binding, rule, { ...prefixes, server_names: names });
        return chain === undefined ? [] : [chain];
      }),
  );
}

function toChain(
  context: RouteContext,
  binding: TcpBinding,
  { route = [] }: Routed,
  match: TypedObject,
): TcpChain | undefined {
  const { index, scope } = context;
  const targets = route.map(({ destination, weight }) => ({
    name: routeTarget(context, destination).cluster,
    weight: weight ?? 0,
  }));
  const [first] = targets;
  if (first === undefined) {
    return undefined;
  }
  const extra = proxySettings(scope, binding);
  if (targets.length === 1) {
    return { match, filters: [tcpProxy(index.mesh, first.name, first.name, extra)] };
  }
  const weighted = targets.filter(({ weight }) => weight > 0);
  const { namespace, name } = context.virtualService.source.metadata;
  const statPrefix = `${name}.${namespace}`;
  return weighted.length === 0
    ? undefined
    : { match, filters: [tcpProxy(index.mesh, statPrefix, { clusters: weighted }, extra)] };
}

/** Idle time and hash of the rule as a whole; settings of single ports do not reach the TCP proxy. */
function proxySettings(scope: Scope, { service, port }: TcpBinding): TypedObject {
  const rule = scope.rules.get(service.host);
  const idle = duration(rule?.trafficPolicy?.connectionPool?.tcp?.idleTimeout);
  const hash = policyFor(rule, port.port)?.loadBalancer?.consistentHash;
  return {
    ...(idle === undefined ? {} : { idle_timeout: idle }),
    ...(hash?.useSourceIp === true ? { hash_policy: [{ source_ip: {} }] } : {}),
  };
}

function toRange(range: string): TypedObject {
  const [address = '', length = '32'] = range.split('/');
  return { address_prefix: address, prefix_len: Number(length) };
}
