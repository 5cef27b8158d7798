import { isHttp2 } from '#shared/model/protocol.ts';
import type { TypedMessage, TypedObject } from '#shared/xds/typed.ts';
import { listenerAccessLog } from './access-log.ts';
import { serverMutualTls } from './features/transport-sockets.ts';
import { capturing, originalAddresses } from './capture.ts';
import { detectionTimeoutMs } from './compat.ts';
import { type ChainKind, chainKinds } from './inbound-chains.ts';
import type { InboundPort } from './inbound-ports.ts';
import { inspectorsFor } from './inspectors.ts';
import type { MeshIndex } from './mesh-index.ts';
import { inboundCluster, inboundPassthroughCluster, inboundPort, statName } from './names.ts';
import { blackHole, httpManager, tcpProxy } from './network-filters.ts';
import { ownMetadata, probeOf } from './own-metadata.ts';
import { modeOfPort, type PeerPolicy, peerPolicyFor } from './peer-authentication.ts';
import { ipVersions, type ProxyNode } from './proxy-node.ts';
import { compact, toAddress, toDuration, typed } from './typed-builder.ts';

/** What a set of filter chains leads to. */
type Target = Readonly<{
  /** Name of the HTTP chains, and of the others. */
  httpName: string;
  tcpName: string;
  cluster: string;
  httpStatPrefix: string;
  /** Which port of the service it is, and the service: for the names of routes and spans. */
  servicePort: number;
  host: string;
  isGrpc: boolean;
  isHttp2: boolean;
}>;

/** A filter chain, and apart from it what it takes. */
type Chain = Readonly<{ match: TypedObject; message: TypedObject }>;

/** The inbound listeners of a proxy: the one that takes redirected connections, and one a port that listens itself. */
export function inboundListeners(
  index: MeshIndex,
  node: ProxyNode,
  ports: readonly InboundPort[],
): readonly TypedMessage[] {
  const policy = peerPolicyFor(index.peerPolicies, node.namespace, node.labels);
  const own = ports.flatMap((port) => {
    const chains = portChains(index, policy, port);
    const { listen } = port;
    return listen === undefined ? [] : [boundListener(index, node, listen, chains)];
  });
  if (node.interception === 'NONE') {
    return own;
  }
  const redirected = ports.filter(({ listen }) => listen === undefined);
  const chains = [
    ...passthroughChains(index, policy, new Set(redirected.map(({ port }) => port))),
    ...redirected.flatMap((port) => portChains(index, policy, port).map((chain) => onPort(chain, port.port))),
  ];
  return [virtualInbound(index, node, chains), ...own];
}

function virtualInbound(index: MeshIndex, node: ProxyNode, chains: readonly Chain[]): TypedMessage {
  return typed('envoy.config.listener.v3.Listener', {
    name: 'virtualInbound',
    ...capturing(inboundPort, { interception: node.interception, ipVersions: ipVersions(node) }),
    filter_chains: chains.map(({ match, message }) => ({ filter_chain_match: match, ...message })),
    listener_filters: [...originalAddresses(node), ...inspectorsFor(chains.map(({ match }) => match))],
    ...commonFields(index, node),
  });
}

function boundListener(
  index: MeshIndex,
  node: ProxyNode,
  { address, port }: NonNullable<InboundPort['listen']>,
  chains: readonly Chain[],
): TypedMessage {
  const inspectors = inspectorsFor(chains.map(({ match }) => match));
  return typed('envoy.config.listener.v3.Listener', {
    name: `${address}_${port}`,
    address: toAddress(address, port),
    filter_chains: chains.map(({ match, message }) => ({ filter_chain_match: match, ...message })),
    ...(inspectors.length === 0 ? {} : { listener_filters: inspectors }),
    ...commonFields(index, node),
  });
}

function commonFields(index: MeshIndex, node: ProxyNode): TypedObject {
  return {
    listener_filters_timeout: toDuration(detectionTimeoutMs(node.compat, index.mesh)),
    traffic_direction: 'INBOUND',
    continue_on_listener_filters_timeout: true,
    ...listenerAccessLog(index.mesh),
    max_connections_to_accept_per_socket_event: 1,
    ...ownMetadata(node.compat, probeOf(index, node)),
  };
}

/** Chains for everything that belongs to no service. A port with a mode of its own gets chains of its own. */
function passthroughChains(index: MeshIndex, policy: PeerPolicy, known: ReadonlySet<number>): readonly Chain[] {
  const target: Target = {
    httpName: 'virtualInbound-catchall-http',
    tcpName: 'virtualInbound',
    cluster: inboundPassthroughCluster,
    httpStatPrefix: statName(inboundPassthroughCluster),
    servicePort: 0,
    host: '',
    isGrpc: false,
    isHttp2: false,
  };
  const special = [...policy.ports].filter(([port]) => !known.has(port)).toSorted(([a], [b]) => a - b);
  return [
    {
      match: { destination_port: inboundPort },
      message: { name: 'virtualInbound-blackhole', filters: [blackHole()] },
    },
    ...chainKinds('auto', policy.mode).map((kind) => toChain(index, kind, target)),
    ...special.flatMap(([port, mode]) =>
      chainKinds('auto', mode).map((kind) => onPort(toChain(index, kind, target), port)),
    ),
  ];
}

function portChains(index: MeshIndex, policy: PeerPolicy, port: InboundPort): readonly Chain[] {
  const { address, port: number } = port.listen ?? { address: '0.0.0.0', port: port.port };
  const name = `${address}_${number}`;
  const target: Target = {
    httpName: name,
    tcpName: name,
    cluster: inboundCluster(port.port),
    httpStatPrefix: statName(`inbound_0.0.0.0_${port.port}`),
    servicePort: port.servicePort,
    host: port.host,
    isGrpc: port.protocol === 'grpc' || port.protocol === 'grpc-web',
    isHttp2: isHttp2(port.protocol),
  };
  return chainKinds(port.protocol, modeOfPort(policy, port.port)).map((kind) => toChain(index, kind, target));
}

function toChain(index: MeshIndex, kind: ChainKind, target: Target): Chain {
  const filter =
    kind.as === 'http'
      ? httpManager(index.mesh, {
          direction: 'inbound',
          statPrefix: target.httpStatPrefix,
          routes: inboundRoutes(target),
          isHttp2: target.isHttp2,
        })
      : tcpProxy(index.mesh, target.cluster, target.cluster);
  const message = compact({
    name: kind.as === 'http' ? target.httpName : target.tcpName,
    filters: [filter],
    transport_socket: kind.terminatesTls ? serverMutualTls(index.mesh.trustDomain) : undefined,
  });
  return { match: kind.match, message };
}

/** One route to the application, retried when a connection that it had closed was used: never for gRPC. */
function inboundRoutes(target: Target): TypedObject {
  const { cluster, servicePort, host, isGrpc } = target;
  return {
    name: cluster,
    virtual_hosts: [
      {
        name: `inbound|http|${servicePort}`,
        domains: ['*'],
        routes: [
          {
            name: 'default',
            match: { prefix: '/' },
            route: {
              cluster,
              timeout: '0s',
              max_stream_duration: { max_stream_duration: '0s', grpc_timeout_header_max: '0s' },
              ...(isGrpc ? {} : { retry_policy: { retry_on: 'reset-before-request', num_retries: 2 } }),
            },
            decorator: { operation: `${host}:${servicePort}/*` },
          },
        ],
      },
    ],
    validate_clusters: false,
  };
}

function onPort({ match, message }: Chain, port: number): Chain {
  return { match: { destination_port: port, ...match }, message };
}
