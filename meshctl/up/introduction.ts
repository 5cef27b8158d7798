import { join } from 'node:path';
import { local } from './blueprint.ts';
import { portName, type Instance } from './instances.ts';
import type { Layout } from './layout.ts';
import type { Ports } from './ports.ts';
import { formatTable } from '../output/table.ts';

/** What a user is told once everything runs: where to look, what to try. */
export function introduce(layout: Layout, ports: Ports, instances: readonly Instance[]): readonly string[] {
  const orders = instances.find(({ app }) => app === 'orders');
  const swagger = orders === undefined ? '' : `http://${local(ports, portName(orders.name, 'http'))}/docs`;
  const caller = instances.find(({ app }) => app === 'traffic') ?? instances.find(({ app }) => app === 'inventory');
  const proxy = caller === undefined ? '' : local(ports, portName(caller.name, 'proxy'));
  const payments = join(layout.config, 'payments-virtual-service.yaml');
  const sidecars = instances.map(({ name, version }) => [
    `  ${name}`,
    version,
    `http://${local(ports, portName(name, 'admin'))}`,
    local(ports, portName(name, 'proxy')),
  ]);
  return [
    '',
    `Orders, Swagger UI        ${swagger}`,
    `Orders through the mesh   curl -x http://${proxy} http://orders.shop.svc.cluster.local/api/v1/orders`,
    `Control plane admin API   http://${local(ports, 'admin')}/api/v1/resources`,
    `Logs                      ${layout.logs}`,
    `Configuration, watched    ${layout.config}`,
    '',
    ...formatTable([['  INSTANCE', 'VERSION', 'SIDECAR ADMIN', 'HTTP PROXY'], ...sidecars])
      .trimEnd()
      .split('\n'),
    '',
    'Move all payments to v2 while traffic runs:',
    `  sed -i.bak -e 's/weight: 50 # v1/weight: 0 # v1/' -e 's/weight: 50 # v2/weight: 100 # v2/' ${payments}`,
    'See what the mesh made of it, in another terminal:',
    `  npm run -s meshctl -- --data-dir ${layout.data} get vs -A`,
    'Ctrl-C stops everything.',
    '',
  ];
}
