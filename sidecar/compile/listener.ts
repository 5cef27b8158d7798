/** Compiles listeners and their filter chains. */
import { fail, ok, type Problem, type Result } from '#shared/runtime/result.ts';
import { compileConnectionGuard } from '../filters/rbac.ts';
import type { Connection } from '../transport/transport.ts';
import { ChainMatcher } from '../proxy/chain-match.ts';
import type { PlanChain, PlanListener, TcpService } from '../proxy/plan.ts';
import { WeightedChoice } from '../routing/weighted.ts';
import type { ClusterTarget } from '../snapshot/route.ts';
import type { FilterChain, ListenerConfig, TcpProxy } from '../snapshot/listener.ts';
import { compileAccessLogs } from './access-logs.ts';
import { compileHttpService, type CompileTools } from './http-service.ts';

/** The listener that applications use as their HTTP proxy, by its name in Istio. */
const forwardProxyName = 'http_proxy';

/** A listener ready for connections, or everything that is wrong with it. */
export function compileListener(config: ListenerConfig, given: CompileTools): Result<PlanListener> {
  const isForwardProxy = config.name === forwardProxyName;
  const tools = { ...given, isForwardProxy, compat: config.compat === '' ? given.compat : config.compat };
  const problems: Problem[] = [];
  const take = <T>(result: Result<T>): T | null => {
    if (result.ok) return result.value;
    problems.push(...result.problems);
    return null;
  };
  const chains = config.chains.flatMap((chain) => {
    const compiled = take(compileChain(chain, config.direction, tools));
    return compiled === null ? [] : [{ match: chain.match, chain: compiled }];
  });
  const defaultChain =
    config.defaultChain === null ? null : take(compileChain(config.defaultChain, config.direction, tools));
  const accessLogs = take(compileAccessLogs(config.accessLogs, tools.writers));
  if (problems.length > 0) return fail(problems);
  return ok({ config, matcher: new ChainMatcher(chains), defaultChain, accessLogs: accessLogs ?? [] });
}

function compileChain(
  config: FilterChain,
  direction: ListenerConfig['direction'],
  tools: CompileTools,
): Result<PlanChain> {
  const guard = compileConnectionGuard(config.rbac);
  if (!guard.ok) return guard;
  const refuse = (connection: Connection) => {
    const decision = guard.value.allowsConnection(connection);
    return decision.allowed ? null : decision.details;
  };
  if (config.handler.kind === 'http') {
    const service = compileHttpService(config.handler.http, direction, tools);
    return service.ok ? ok({ config, direction, refuse, handler: { kind: 'http', service: service.value } }) : service;
  }
  const service = compileTcpService(config.handler.tcp, { chainName: config.name, direction }, tools);
  return service.ok ? ok({ config, direction, refuse, handler: { kind: 'tcp', service: service.value } }) : service;
}

function compileTcpService(
  config: TcpProxy,
  place: Pick<TcpService, 'chainName' | 'direction'>,
  tools: CompileTools,
): Result<TcpService> {
  const accessLogs = compileAccessLogs(config.accessLogs, tools.writers);
  if (!accessLogs.ok) return accessLogs;
  const choice = new WeightedChoice(targetsOf(config.target));
  return ok({ config, ...place, accessLogs: accessLogs.value, chooseCluster: () => choice.pick(tools.random) ?? '' });
}

function targetsOf(target: ClusterTarget): { item: string; weight: number }[] {
  switch (target.kind) {
    case 'cluster':
      return [{ item: target.name, weight: 1 }];
    case 'weighted':
      return target.clusters.map(({ name, weight }) => ({ item: name, weight }));
    case 'header':
      return [];
  }
}
