import type { TrafficSplit, VirtualService } from '#shared/model/resource.ts';

/**
 * A TrafficSplit as the VirtualService that does the same: traffic of the apex service, HTTP and TCP, is spread over the
 * backends by weight. A VirtualService of the user for the same host goes before it.
 */
export function toVirtualService(split: TrafficSplit): VirtualService {
  const route = split.spec.backends.map(({ service, weight }) => ({ destination: { host: service }, weight }));
  return {
    kind: 'VirtualService',
    apiVersion: 'networking.istio.io/v1',
    metadata: split.metadata,
    spec: { hosts: [split.spec.service], http: [{ route }], tcp: [{ route }] },
  };
}
