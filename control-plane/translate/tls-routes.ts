import type { TcpBinding } from './egress-ports.ts';
import { appliesTo } from './http-route.ts';
import type { RouteContext } from './route-destination.ts';
import { chainMatch, directChain, routedChain, type TcpChain } from './tcp-chain.ts';

/**
 * The chains of a service port that carries TLS of the application's own: one a match of a `tls` rule, by server name and address, in
 * the order in which they stand. If there is any, the service itself has none: a server name that no rule names is unknown to the
 * mesh (Istio: `buildSidecarOutboundTLSFilterChainOpts`). `tcp` rules do not count on such a port.
 */
export function tlsChains(
  mesh: Pick<RouteContext, 'index' | 'scope'>,
  binding: TcpBinding,
  contexts: readonly RouteContext[],
): readonly TcpChain[] {
  const chains = contexts.flatMap((context) =>
    (context.virtualService.source.spec.tls ?? []).flatMap((rule) =>
      rule.match
        .filter((match) => appliesTo(match, context))
        .flatMap(({ sniHosts, destinationSubnets = [] }) => {
          const ranges = destinationSubnets.length === 0 ? binding.ranges : destinationSubnets;
          return routedChain(context, rule, chainMatch(ranges, sniHosts)) ?? [];
        }),
    ),
  );
  return chains.length > 0 ? chains : [directChain(mesh, binding, chainMatch(binding.ranges, ownNames(binding)))];
}

/** On the wildcard address only the server name tells services with TLS apart. */
function ownNames({ service, address, ranges }: TcpBinding): readonly string[] {
  return address === '0.0.0.0' || ranges.length > 0 ? [service.host] : [];
}
