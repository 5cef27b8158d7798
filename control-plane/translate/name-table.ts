/**
 * The names that the applications of a scope may look up, for the DNS proxies of their sidecars: one resource of Istio's type
 * (istio/istio pkg/dns/server/name_table.go). Virtual addresses of services and ServiceEntries, automatic ones among them, and the
 * workloads of headless services. Short forms of Kubernetes names are left to the sidecar. Names that are not in it (external
 * names, ServiceEntries that nobody could tell apart by address) are looked up by the sidecar's own resolvers.
 */
import { isIP } from 'node:net';
import type { TypedMessage, TypedObject } from '#shared/xds/typed.ts';
import { healthyWorkloads, type MeshIndex } from './mesh-index.ts';
import type { MeshService } from './mesh-service.ts';
import { addressesIn, type Scope } from './scope.ts';
import { compact, nonEmpty, typed } from './typed-builder.ts';
import type { Workload } from './workloads.ts';

/** Its only resource has this name; Istio's agents do not look at it. */
export const nameTableName = 'names';

/** A row of the table. */
type Row = readonly [host: string, info: TypedObject];

/** The resource by its name: the same map for all proxies and generations for which it says the same. */
export function nameTable(index: MeshIndex, scope: Scope): ReadonlyMap<string, TypedMessage> {
  const headless = new Map(
    scope.services
      .filter((service) => isHeadless(scope, service))
      .map((service) => [service, reachable(index, service)]),
  );
  const inputs = [...scope.services, ...[...headless.values()].flatMap((workloads) => [...workloads, undefined])];
  return index.memo.get(`names/${scope.key}`, inputs, () => {
    const rows = scope.services.flatMap((service) => rowsOf(scope, service, headless.get(service) ?? []));
    const table = Object.fromEntries(rows);
    return new Map([[nameTableName, typed('istio.networking.nds.v1.NameTable', { table })]]);
  });
}

/** No virtual address, and nobody translates one: clients connect to the workloads themselves. */
function isHeadless(scope: Scope, service: MeshService): boolean {
  return service.resolution === 'NONE' && service.ports.length > 0 && addressesIn(scope, service).length === 0;
}

function reachable(index: MeshIndex, service: MeshService): readonly Workload[] {
  return healthyWorkloads(index, service).filter(({ address }) => isIP(address) !== 0);
}

function rowsOf(scope: Scope, service: MeshService, workloads: readonly Workload[]): readonly Row[] {
  const own = addressesIn(scope, service).filter((address) => isIP(address) !== 0);
  const addresses = own.length > 0 ? own : workloads.map(({ address }) => address);
  const ips = [...new Set(addresses)];
  return ips.length === 0
    ? []
    : [[service.host, nameInfo(service, ips, service.name)], ...namedRows(service, workloads)];
}

/** Pods that have a name of their own below their service, as those of a StatefulSet. */
function namedRows(service: MeshService, workloads: readonly Workload[]): readonly Row[] {
  const byName = Map.groupBy(workloads, ({ hostname }) => hostname);
  byName.delete('');
  return [...byName].map(([hostname, found]) => {
    const ips = found.map(({ address }) => address);
    return [`${hostname}.${service.host}`, nameInfo(service, ips, `${hostname}.${service.name}`)];
  });
}

function nameInfo(service: MeshService, ips: readonly string[], shortname: string): TypedObject {
  const { isKubernetes, namespace } = service;
  return compact({
    ips: nonEmpty(ips),
    registry: isKubernetes ? 'Kubernetes' : 'External',
    shortname: isKubernetes ? shortname : undefined,
    namespace: isKubernetes ? namespace : undefined,
  });
}
