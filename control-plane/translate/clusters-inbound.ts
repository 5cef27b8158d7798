import type { TypedMessage, TypedObject } from '#shared/xds/typed.ts';
import { fromOwnLoopback } from './capture.ts';
import { clusterMetadata } from './clusters.ts';
import { appIdleTimeout, type Compat } from './compat.ts';
import { policyFor, ruleFor } from './destination-rules.ts';
import { circuitBreakers, duration, upstreamConnectionOptions } from './features/connection-pool.ts';
import { downstreamProtocol, httpOptions, httpProtocolOptions } from './features/upstream-protocol.ts';
import type { InboundPort } from './inbound-ports.ts';
import type { MeshIndex } from './mesh-index.ts';
import { blackHoleCluster, inboundCluster, inboundPassthroughCluster, passthroughCluster, statName } from './names.ts';
import { ipVersions, type ProxyNode } from './proxy-node.ts';
import type { Scope } from './scope.ts';
import type { ConnectionPool } from './traffic-policy.ts';
import { toAddress, toDuration, typed } from './typed-builder.ts';

/** A time beyond every process: endpoints of a known port are never forgotten. */
const forever = '9223372035s';

/** The clusters that every proxy has: passed through in both directions, and nowhere. */
export function fixedClusters(index: MeshIndex, node: ProxyNode): readonly TypedMessage[] {
  const { compat } = node;
  return index.memo.get(`fixed-clusters/${compat}/${ipVersions(node).join()}`, [index.mesh], () => [
    typed('envoy.config.cluster.v3.Cluster', {
      name: blackHoleCluster,
      type: 'STATIC',
      connect_timeout: toDuration(index.mesh.connectTimeoutMs),
      alt_stat_name: statName(blackHoleCluster),
    }),
    passthrough(index, compat, { name: inboundPassthroughCluster, source: fromOwnLoopback(node) }),
    passthrough(index, compat, { name: passthroughCluster }),
  ]);
}

/** The cluster of one port of the application. Of a DestinationRule only the connection pool counts here. */
export function inboundClusterFor(index: MeshIndex, scope: Scope, node: ProxyNode, port: InboundPort): TypedMessage {
  const name = inboundCluster(port.port);
  const pool = inboundPool(index, scope, node, port);
  const protocol = { name: '', port: port.servicePort, protocol: port.protocol, target: port.port };
  return typed('envoy.config.cluster.v3.Cluster', {
    name,
    ...inboundDiscovery(name, node, port),
    connect_timeout: duration(pool?.tcp?.connectTimeout) ?? toDuration(index.mesh.connectTimeoutMs),
    circuit_breakers: circuitBreakers(pool, scope.compat),
    upstream_connection_options: upstreamConnectionOptions(pool),
    metadata: port.service === undefined ? undefined : clusterMetadata(port.service),
    common_lb_config: {},
    alt_stat_name: statName(name),
    typed_extension_protocol_options: httpProtocolOptions({
      port: protocol,
      policy: pool === undefined ? undefined : { connectionPool: pool },
      idleDefault: appIdleTimeout(scope.compat),
    }),
  });
}

/** Redirected connections go on to where they were going; others to the application's port on the loopback address. */
function inboundDiscovery(name: string, node: ProxyNode, port: InboundPort): TypedObject {
  const fixed = fixedEndpoint(node, port);
  if (fixed === undefined) {
    return {
      type: 'ORIGINAL_DST',
      lb_policy: 'CLUSTER_PROVIDED',
      cleanup_interval: forever,
      upstream_bind_config: fromOwnLoopback(node),
    };
  }
  const endpoint = { endpoint: { address: toAddress(fixed.address, fixed.port) } };
  return {
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] },
  };
}

/** `defaultEndpoint` of a Sidecar (`127.0.0.1:8080`, `0.0.0.0:8080` for the workload's own address), or the loopback. */
function fixedEndpoint(
  node: ProxyNode,
  { port, listen, endpoint }: InboundPort,
): Readonly<{ address: string; port: number }> | undefined {
  if (endpoint === undefined || endpoint === '') {
    return listen === undefined ? undefined : { address: '127.0.0.1', port };
  }
  const colon = endpoint.lastIndexOf(':');
  const address = endpoint.slice(0, colon);
  const isOwn = address === '0.0.0.0' || address === '[::]';
  return { address: isOwn ? (node.ipAddresses[0] ?? '127.0.0.1') : address, port: Number(endpoint.slice(colon + 1)) };
}

function inboundPool(
  index: MeshIndex,
  scope: Scope,
  node: ProxyNode,
  { port, service, servicePort }: InboundPort,
): ConnectionPool | undefined {
  const { ingress, inboundConnectionPool } = scope.sidecar?.spec ?? {};
  const declared = ingress?.find((entry) => entry.port.number === port)?.connectionPool ?? inboundConnectionPool;
  if (declared !== undefined || service === undefined) {
    return declared;
  }
  const client = { namespace: node.namespace, labels: node.labels, rootNamespace: index.mesh.rootNamespace };
  return policyFor(ruleFor(index.rules, client, service), servicePort)?.connectionPool;
}

function passthrough(
  index: MeshIndex,
  compat: Compat,
  { name, source }: Readonly<{ name: string; source?: TypedObject }>,
): TypedMessage {
  const isInbound = name === inboundPassthroughCluster;
  const idle = (isInbound ? appIdleTimeout(compat) : undefined) ?? '300s';
  return typed('envoy.config.cluster.v3.Cluster', {
    name,
    type: 'ORIGINAL_DST',
    connect_timeout: toDuration(index.mesh.connectTimeoutMs),
    lb_policy: 'CLUSTER_PROVIDED',
    circuit_breakers: circuitBreakers(undefined, compat),
    upstream_bind_config: source,
    alt_stat_name: statName(passthroughCluster),
    typed_extension_protocol_options: httpOptions({
      common_http_protocol_options: { idle_timeout: idle },
      ...downstreamProtocol,
    }),
  });
}
