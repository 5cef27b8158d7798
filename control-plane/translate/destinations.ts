import type { MergedRule, Subset } from './destination-rules.ts';
import type { MeshPort, MeshService } from './mesh-service.ts';
import { outboundCluster } from './names.ts';
import type { Scope } from './scope.ts';

/** One outbound cluster to be: a port of a service, whole or a subset, and the rule that holds. */
export type Destination = Readonly<{
  service: MeshService;
  port: MeshPort;
  rule?: MergedRule | undefined;
  subset?: Subset | undefined;
}>;

/** Every destination of a scope: each port of each service, and each subset of it. */
export function destinationsOfScope(scope: Scope): readonly Destination[] {
  return scope.services.flatMap((service) => {
    const rule = scope.rules.get(service.host);
    return service.ports.flatMap((port) => [
      { service, port, rule },
      ...(rule?.subsets ?? []).map((subset) => ({ service, port, rule, subset })),
    ]);
  });
}

/** The name of a destination's cluster. */
export function clusterName({ service, port, subset }: Destination): string {
  return outboundCluster(port.port, subset?.name ?? '', service.host);
}
