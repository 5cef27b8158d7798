import type { VirtualService } from '#shared/model/resource.ts';
import { isTls } from '#shared/model/protocol.ts';
import type { TcpBinding } from './egress-ports.ts';
import { appliesTo } from './http-route.ts';
import type { MeshIndex } from './mesh-index.ts';
import type { RouteContext } from './route-destination.ts';
import type { Scope } from './scope.ts';
import { chainMatch, directChain, routedChain, type TcpChain } from './tcp-chain.ts';
import { tlsChains } from './tls-routes.ts';
import { ruling } from './virtual-services.ts';

type TcpRule = NonNullable<VirtualService['spec']['tcp']>[number];

/**
 * The chains of a service port that is reached as TCP: its TLS routes by server name, or its TCP routes, or the service itself.
 * All VirtualServices over the host count, one after the other, unlike with HTTP, where the first wins whole
 * (Istio: pilot/pkg/networking/core/tls.go).
 */
export function tcpChains(index: MeshIndex, scope: Scope, binding: TcpBinding): readonly TcpChain[] {
  const contexts = ruling(binding.egress.virtualServices, binding.service.host).map((virtualService): RouteContext => ({
    index,
    scope,
    virtualService,
    port: binding.listenPort,
  }));
  return isTls(binding.port.protocol)
    ? tlsChains({ index, scope }, binding, contexts)
    : plainChains({ index, scope }, binding, contexts);
}

/** The first rule that takes every address ends the list; without one the service itself does. */
function plainChains(
  mesh: Pick<RouteContext, 'index' | 'scope'>,
  binding: TcpBinding,
  contexts: readonly RouteContext[],
): readonly TcpChain[] {
  const chains: TcpChain[] = [];
  for (const context of contexts) {
    for (const rule of context.virtualService.source.spec.tcp ?? []) {
      const subnets = subnetsOf(rule, context);
      if (subnets === undefined) {
        continue;
      }
      const isLast = subnets.length === 0;
      const chain = routedChain(context, rule, chainMatch(isLast ? binding.ranges : subnets));
      if (chain !== undefined) {
        chains.push(chain);
        if (isLast) {
          return chains;
        }
      }
    }
  }
  return [...chains, directChain(mesh, binding, chainMatch(binding.ranges))];
}

/** The destinations that a rule is for: none means all of them. `undefined`: it is not for this client or port. */
function subnetsOf({ match = [] }: TcpRule, context: RouteContext): readonly string[] | undefined {
  if (match.length === 0) {
    return [];
  }
  const applying = match.filter((one) => appliesTo(one, context));
  if (applying.length === 0) {
    return undefined;
  }
  const takesAll = applying.some(({ destinationSubnets = [] }) => destinationSubnets.length === 0);
  return takesAll ? [] : applying.flatMap(({ destinationSubnets = [] }) => destinationSubnets);
}
