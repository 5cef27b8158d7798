/** One copy of an application, with a sidecar of its own. */
export type Instance = Readonly<{
  app: 'orders' | 'payments' | 'inventory' | 'traffic';
  name: string;
  version: string;
  /** Whether others call it. */
  serves: boolean;
}>;

/** What a mesh on this machine consists of: `services` copies of orders, and payments in two versions to split between. */
export function instancesOf(options: Readonly<{ services: number; traffic: boolean }>): readonly Instance[] {
  const orders = Array.from({ length: options.services }, (_, index): Instance => ({
    app: 'orders',
    name: `orders-${index + 1}`,
    version: 'v1',
    serves: true,
  }));
  return [
    ...orders,
    { app: 'payments', name: 'payments-v1', version: 'v1', serves: true },
    { app: 'payments', name: 'payments-v2', version: 'v2', serves: true },
    { app: 'inventory', name: 'inventory-1', version: 'v1', serves: true },
    ...(options.traffic ? [{ app: 'traffic', name: 'traffic', version: 'v1', serves: false } as const] : []),
  ];
}

const sidecarPorts = ['inbound', 'proxy', 'admin', 'ready'] as const;
type PortUse = 'http' | 'grpc' | (typeof sidecarPorts)[number];

/** The name of a port in the list of ports. */
export function portName(instance: string, use: PortUse): string {
  return `${instance}/${use}`;
}

/** Every port that these instances need, by name. */
export function portNamesOf(instances: readonly Instance[]): readonly string[] {
  return instances.flatMap(({ name }) =>
    (['http', 'grpc', ...sidecarPorts] as const).map((use) => portName(name, use)),
  );
}
