/**
 * The names that the applications of a scope may look up, for the DNS proxies of their sidecars: one resource of Istio's type
 * (istio/istio pkg/dns/server/name_table.go). Virtual addresses of services and ServiceEntries, automatic ones among them, and the
 * workloads of headless services. Short forms of Kubernetes names are left to the sidecar. Names that are not in it (external
 * names, ServiceEntries that nobody could tell apart by address) are looked up by the sidecar's own resolvers.
 *
 * It is one large message, and most scopes have the same: rows are made once a service, and scopes with the same rows share the table.
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

/** What is told of one service: a host, and what it stands for. */
type Row = readonly [host: string, info: TypedObject];
type Rows = readonly Row[];

/** The resource by its name: the same map for all proxies and generations for which it says the same. */
export function nameTable(index: MeshIndex, scope: Scope): ReadonlyMap<string, TypedMessage> {
  const parts = scope.services.map((service) => rowsFor(index, scope, service)).filter((rows) => rows.length > 0);
  return index.memo.get(`names/${fingerprint(parts)}`, parts, () => {
    const table = Object.fromEntries(parts.flat());
    return new Map([[nameTableName, typed('istio.networking.nds.v1.NameTable', { table })]]);
  });
}

/** The rows of a generation, as scopes asked for them: by families of automatic addresses, then by service. */
const rowsOfGeneration = new WeakMap<MeshIndex, Map<string, Map<MeshService, Rows>>>();

function rowsFor(index: MeshIndex, scope: Scope, service: MeshService): Rows {
  const families = scope.automatic.join();
  const generation = rowsOfGeneration.get(index) ?? new Map<string, Map<MeshService, Rows>>();
  rowsOfGeneration.set(index, generation);
  const known = generation.get(families) ?? new Map<MeshService, Rows>();
  generation.set(families, known);
  const rows = known.get(service) ?? makeRows(index, scope, service);
  known.set(service, rows);
  return rows;
}

function makeRows(index: MeshIndex, scope: Scope, service: MeshService): Rows {
  const own = addressesIn(scope, service).filter((address) => isIP(address) !== 0);
  const workloads = isHeadless(scope, service) ? reachable(index, service) : [];
  const key = `names-of/${scope.automatic.join()}/${service.namespace}/${service.host}`;
  return index.memo.get(key, [service, ...workloads], () => {
    const addresses = own.length > 0 ? own : workloads.map(({ address }) => address);
    if (addresses.length === 0) return [];
    return [[service.host, nameInfo(service, addresses, service.name)], ...namedRows(service, workloads)];
  });
}

/** No virtual address, and nobody translates one: clients connect to the workloads themselves. */
function isHeadless(scope: Scope, service: MeshService): boolean {
  return service.resolution === 'NONE' && service.ports.length > 0 && addressesIn(scope, service).length === 0;
}

function reachable(index: MeshIndex, service: MeshService): readonly Workload[] {
  return healthyWorkloads(index, service).filter(({ address }) => isIP(address) !== 0);
}

/** Pods that have a name of their own below their service, as those of a StatefulSet. */
function namedRows(service: MeshService, workloads: readonly Workload[]): Rows {
  const byName = Map.groupBy(workloads, ({ hostname }) => hostname);
  byName.delete('');
  return [...byName].map(([hostname, found]) => {
    const addresses = found.map(({ address }) => address);
    return [`${hostname}.${service.host}`, nameInfo(service, addresses, `${hostname}.${service.name}`)];
  });
}

function nameInfo(service: MeshService, addresses: readonly string[], shortname: string): TypedObject {
  const { isKubernetes, namespace } = service;
  return compact({
    ips: nonEmpty([...new Set(addresses)]),
    registry: isKubernetes ? 'Kubernetes' : 'External',
    shortname: isKubernetes ? shortname : undefined,
    namespace: isKubernetes ? namespace : undefined,
  });
}

/** Numbers of objects, so that lists of them can be told apart by text. */
const numbers = new WeakMap<object, number>();
let lastNumber = 0;

/** Lists of the same objects have the same; that others have another is likely, and the memo looks at the objects themselves. */
function fingerprint(objects: readonly object[]): string {
  let hash = objects.length;
  for (const object of objects) {
    const number = numbers.get(object) ?? ++lastNumber;
    numbers.set(object, number);
    hash = (Math.imul(hash, 0x01000193) ^ number) >>> 0;
  }
  return `${objects.length}/${hash}`;
}
