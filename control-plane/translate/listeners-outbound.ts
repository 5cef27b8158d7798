import type { TypedMessage, TypedObject } from '#shared/xds/typed.ts';
import { listenerAccessLog } from './access-log.ts';
import { type HttpBinding, httpBindings, sniffedRouteName, type TcpBinding, tcpBindings } from './egress-ports.ts';
import { httpInspector, tlsInspector } from './inspectors.ts';
import type { MeshIndex } from './mesh-index.ts';
import { outboundPort, statName } from './names.ts';
import { capturing } from './capture.ts';
import { blackHole, httpManager, tcpProxy } from './network-filters.ts';
import { ownMetadata } from './own-metadata.ts';
import { detectionTimeoutMs } from './compat.ts';
import type { Scope } from './scope.ts';
import type { TcpChain } from './tcp-chain.ts';
import { tcpChains } from './tcp-routes.ts';
import { compact, nonEmpty, toAddress, toDuration, typed } from './typed-builder.ts';
import { uniqueChains } from './unique-chains.ts';
import { unknownCluster } from './virtual-hosts.ts';

/** Plaintext that looks like HTTP/1.1 or HTTP/2; anything else on the port takes the default chain. */
const plaintextHttp: TypedObject = { transport_protocol: 'raw_buffer', application_protocols: ['http/1.1', 'h2c'] };

/** The outbound listeners of a scope, by name. */
export function outboundListeners(index: MeshIndex, scope: Scope): ReadonlyMap<string, TypedMessage> {
  const listeners = new Map<string, TypedMessage>();
  const add = (name: string, build: () => TypedMessage): void => {
    if (!listeners.has(name)) {
      listeners.set(name, index.memo.get(`listener/${scope.key}/${name}`, scope.inputs, build));
    }
  };
  const byAddress = Map.groupBy(tcpBindings(index, scope), ({ address, listenPort }) => `${address}_${listenPort}`);
  for (const binding of httpBindings(scope)) {
    add(binding.name, () => httpListener(index, scope, binding, byAddress.get(binding.name)));
  }
  for (const [name, bindings] of byAddress) {
    add(name, () => tcpListener(index, scope, name, bindings));
  }
  if (scope.interception !== 'NONE') {
    add('virtualOutbound', () => virtualOutbound(index, scope));
  }
  return listeners;
}

/**
 * A listener that speaks HTTP to applications, and takes their requests as an explicit proxy when its routes are for all. TCP
 * services on the same port are served when an address range or a server name tells them apart.
 */
export function httpListener(
  index: MeshIndex,
  scope: Scope,
  binding: HttpBinding,
  sharing: readonly TcpBinding[] = [],
): TypedMessage {
  const { name } = binding;
  const isProxy = binding.routesFor === 'all';
  const manager = httpManager(index.mesh, {
    direction: 'outbound',
    statPrefix: statName(`outbound_${name}`),
    routes: binding.routeName,
    isProxy,
  });
  const narrow = chainsOf(index, scope, sharing).filter(({ match }) => Object.keys(match).length > 0);
  // A listener with its own port speaks HTTP and nothing else: there is no original destination to fall back to.
  const chain = binding.binds
    ? { filters: [manager], transport_socket_connect_timeout: '15s' }
    : { filter_chain_match: plaintextHttp, filters: [manager], transport_socket_connect_timeout: '15s' };
  return listener(index, scope, {
    name,
    address: toAddress(binding.address, binding.port),
    chains: [chain, ...narrow.map(toFilterChain)],
    inspectors: binding.binds ? [] : [...tlsInspectors(narrow), httpInspector],
    binds: binding.binds,
  });
}

function tcpListener(index: MeshIndex, scope: Scope, name: string, bindings: readonly TcpBinding[]): TypedMessage {
  const [first] = bindings;
  const { address, listenPort, binds } = first ?? { address: '', listenPort: 0, binds: false };
  const chains = chainsOf(index, scope, bindings);
  const sniffs = bindings.some((binding) => binding.port.protocol === 'auto');
  return listener(index, scope, {
    name,
    address: toAddress(address, listenPort),
    chains: chains.map(toFilterChain),
    inspectors: [...tlsInspectors(chains), ...(sniffs ? [httpInspector] : [])],
    binds,
  });
}

/** The chains of several service ports on one address; of two that take the same, the first has it. */
function chainsOf(index: MeshIndex, scope: Scope, bindings: readonly TcpBinding[]): readonly TcpChain[] {
  return uniqueChains(
    bindings.flatMap((binding) => [...sniffedChains(index, binding), ...tcpChains(index, scope, binding)]),
  );
}

function tlsInspectors(chains: readonly TcpChain[]): readonly TypedObject[] {
  return chains.some(({ match }) => match['server_names'] !== undefined) ? [tlsInspector] : [];
}

/** HTTP on a port that does not say what it speaks. */
function sniffedChains(index: MeshIndex, { service, port, address }: TcpBinding): readonly TcpChain[] {
  if (port.protocol !== 'auto') {
    return [];
  }
  const manager = httpManager(index.mesh, {
    direction: 'outbound',
    statPrefix: statName(`outbound_${address}_${port.port}`),
    routes: sniffedRouteName(service, port),
  });
  return [{ match: plaintextHttp, filters: [manager] }];
}

function toFilterChain({ match, filters }: TcpChain): TypedObject {
  return compact({
    filter_chain_match: Object.keys(match).length === 0 ? undefined : match,
    filters,
    transport_socket_connect_timeout: '15s',
  });
}

type ListenerDraft = Readonly<{
  name: string;
  address: TypedObject;
  chains: readonly TypedObject[];
  inspectors: readonly TypedObject[];
  binds: boolean;
}>;

function listener(index: MeshIndex, scope: Scope, draft: ListenerDraft): TypedMessage {
  const takesAll = draft.chains.some((chain) => chain['filter_chain_match'] === undefined);
  return typed('envoy.config.listener.v3.Listener', {
    name: draft.name,
    address: draft.address,
    filter_chains: draft.chains,
    listener_filters: nonEmpty(draft.inspectors),
    listener_filters_timeout: toDuration(detectionTimeoutMs(scope.compat, index.mesh)),
    traffic_direction: 'OUTBOUND',
    continue_on_listener_filters_timeout: true,
    default_filter_chain: takesAll ? undefined : unknownChain(index, scope),
    bind_to_port: draft.binds ? undefined : false,
    ...ownMetadata(scope.compat),
  });
}

function unknownChain(index: MeshIndex, scope: Scope): TypedObject {
  const cluster = unknownCluster(scope);
  return {
    name: 'PassthroughFilterChain',
    filter_chain_match: {},
    filters: [tcpProxy(index.mesh, cluster, cluster)],
  };
}

/** Takes every redirected connection, and hands it to the listener of its original destination if there is one. */
function virtualOutbound(index: MeshIndex, scope: Scope): TypedMessage {
  const cluster = unknownCluster(scope);
  return typed('envoy.config.listener.v3.Listener', {
    name: 'virtualOutbound',
    ...capturing(outboundPort, scope),
    filter_chains: [
      {
        name: 'virtualOutbound-blackhole',
        filter_chain_match: { destination_port: outboundPort },
        filters: [blackHole()],
      },
      { name: 'virtualOutbound-catchall-tcp', filters: [tcpProxy(index.mesh, cluster, cluster)] },
    ],
    use_original_dst: true,
    traffic_direction: 'OUTBOUND',
    ...ownMetadata(scope.compat),
    ...listenerAccessLog(index.mesh),
    max_connections_to_accept_per_socket_event: 1,
  });
}
