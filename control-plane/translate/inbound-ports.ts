import { matchesLabels } from '#shared/model/selector.ts';
import type { Sidecar } from '#shared/model/resource.ts';
import type { Protocol } from '#shared/model/protocol.ts';
import { selectProtocol } from '#shared/model/protocol.ts';
import { type MeshIndex, workloadsBehind } from './mesh-index.ts';
import type { MeshPort, MeshService } from './mesh-service.ts';
import { hasOwnAddress, ownWorkload } from './own-workload.ts';
import { inboundPorts, namedInboundPort, type ProxyNode } from './proxy-node.ts';
import type { Scope } from './scope.ts';
import { connectPort, type InlineEndpoint, type Workload } from './workloads.ts';

/** One port of the application behind a proxy. */
export type InboundPort = Readonly<{
  /** Where the application listens. */
  port: number;
  protocol: Protocol;
  /** The port of the service by which it is known; the port itself when no service selects it. */
  servicePort: number;
  /** The service, or what stands for it in traces. */
  host: string;
  service?: MeshService | undefined;
  /** Where the proxy itself listens for it, when nothing is redirected. */
  listen?: Readonly<{ address: string; port: number }> | undefined;
  /** Another address of the application, from a Sidecar's `defaultEndpoint`. */
  endpoint?: string | undefined;
}>;

type Ingress = NonNullable<NonNullable<Sidecar['spec']>['ingress']>[number];

/**
 * The application's ports, in ascending order: those that a Sidecar's `ingress` declares, else the target ports of the
 * services that select the workload (of two services the older counts), and what a proxy without interception listens for.
 */
export function inboundPortsOf(index: MeshIndex, scope: Scope, node: ProxyNode): readonly InboundPort[] {
  const ingress = scope.sidecar?.spec.ingress ?? [];
  const found = new Map<number, InboundPort>();
  const add = (port: InboundPort): void => {
    found.set(port.port, found.get(port.port) ?? port);
  };
  if (ingress.length > 0) {
    ingress.map((entry) => fromIngress(entry, scope, node)).forEach((port) => port !== undefined && add(port));
  } else {
    servicePorts(index, node).forEach(add);
  }
  if (node.interception === 'NONE' && ingress.length === 0) {
    for (const [app, listen] of inboundPorts(node)) {
      add({
        port: app,
        protocol: 'auto',
        servicePort: app,
        host: node.name,
        listen: { address: '0.0.0.0', port: listen },
      });
    }
  }
  return [...found.values()].toSorted((a, b) => a.port - b.port);
}

function servicePorts(index: MeshIndex, node: ProxyNode): readonly InboundPort[] {
  const workload = ownWorkload(index, node);
  return index.services
    .map((service) => ({ service, written: writtenEndpoint(index, service, node) }))
    .filter(({ service, written }) => written !== undefined || runsOn(service, node))
    .flatMap(({ service, written }) =>
      service.ports.flatMap((port) => {
        const target = applicationPort(port, written ?? workload, node);
        return target === undefined
          ? []
          : [{ ...target, protocol: port.protocol, servicePort: port.port, host: service.host, service }];
      }),
    );
}

/** The endpoint of a service without a selector, by slices that somebody wrote, that is this proxy's own. */
function writtenEndpoint(index: MeshIndex, service: MeshService, node: ProxyNode): Workload | undefined {
  if (!service.isKubernetes || service.selector !== undefined || !hasOwnAddress(node)) {
    return undefined;
  }
  return workloadsBehind(index, service).find(({ address }) => node.ipAddresses.includes(address));
}

/** Whether the workload of a proxy is behind a service. */
function runsOn(service: MeshService, node: ProxyNode): boolean {
  const isSelected =
    service.selector !== undefined &&
    service.namespace === node.namespace &&
    matchesLabels(service.selector, node.labels);
  const hasAddress = ({ address = '' }: InlineEndpoint): boolean => node.ipAddresses.includes(address);
  return isSelected || (hasOwnAddress(node) && service.endpoints.some(hasAddress));
}

/**
 * Where the application listens for a service port. Without interception the workload's port is the proxy's own: the
 * application's is the one that the node maps to it. A port's name may stand in the node's own map, as when it registers by it.
 */
function applicationPort(
  port: MeshPort,
  workload: Workload | undefined,
  node: ProxyNode,
): Pick<InboundPort, 'port' | 'listen'> | undefined {
  const connect = workload === undefined ? undefined : connectPort(workload, port);
  const target = typeof port.target === 'number' ? port.target : undefined;
  if (node.interception !== 'NONE') {
    const own = connect ?? target;
    return own === undefined ? undefined : { port: own };
  }
  const mapped = inboundPorts(node);
  const taken = connect ?? namedInboundPort(node, port.name) ?? namedInboundPort(node, String(port.target));
  const [app, listen] = [...mapped].find(([, number]) => number === taken) ?? [
    target,
    target === undefined ? undefined : mapped.get(target),
  ];
  return app === undefined || listen === undefined
    ? undefined
    : { port: app, listen: { address: '0.0.0.0', port: listen } };
}

function fromIngress(entry: Ingress, scope: Scope, node: ProxyNode): InboundPort | undefined {
  const { number, name, protocol } = entry.port;
  if (number === undefined) {
    return undefined;
  }
  const binds = entry.captureMode === 'NONE' || (entry.captureMode !== 'IPTABLES' && node.interception === 'NONE');
  const { name: owner = '', namespace = '' } = scope.sidecar?.metadata ?? {};
  return {
    port: number,
    protocol: selectProtocol({ name, port: number, appProtocol: protocol }),
    servicePort: number,
    host: `${owner}.${namespace}`,
    listen: binds ? { address: entry.bind ?? node.ipAddresses[0] ?? '0.0.0.0', port: number } : undefined,
    endpoint: entry.defaultEndpoint,
  };
}
