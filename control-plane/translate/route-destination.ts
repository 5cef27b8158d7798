import { policyFor } from './destination-rules.ts';
import { resolveHost } from '#shared/model/hostname.ts';
import type { MeshIndex } from './mesh-index.ts';
import { outboundCluster } from './names.ts';
import type { Scope } from './scope.ts';
import type { ConsistentHash } from './traffic-policy.ts';
import type { MeshVirtualService } from './virtual-services.ts';

/** `destination` of a route, a mirror or a TCP route. */
export type DestinationSpec = Readonly<{
  host: string;
  subset?: string;
  port?: Readonly<{ number?: number }>;
}>;

/** What a rule of a VirtualService is translated for. */
export type RouteContext = Readonly<{
  index: MeshIndex;
  scope: Scope;
  virtualService: MeshVirtualService;
  /** The port on which clients connect. */
  port: number;
}>;

/** Where a destination leads. */
export type RouteTarget = Readonly<{ cluster: string; host: string; port: number; hash?: ConsistentHash | undefined }>;

/**
 * The cluster of a destination. Without a port it is the only one that the service has, or the one that the client connects
 * to. Whether the cluster exists is not asked: traffic to an unknown one gets an error that says so.
 */
export function routeTarget({ scope, virtualService, port }: RouteContext, spec: DestinationSpec): RouteTarget {
  const host = resolveHost(spec.host, virtualService.source.metadata.namespace);
  const ports = scope.serviceByHost.get(host)?.ports ?? [];
  const only = ports.length === 1 ? ports[0]?.port : undefined;
  const number = spec.port?.number ?? only ?? port;
  const rule = scope.rules.get(host);
  const subset = rule?.subsets.find(({ name }) => name === spec.subset);
  const hash = policyFor(rule, number, subset)?.loadBalancer?.consistentHash;
  return { cluster: outboundCluster(number, spec.subset ?? '', host), host, port: number, hash };
}
