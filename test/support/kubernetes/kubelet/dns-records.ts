/** What the cluster's DNS knows, after the specification of DNS for Kubernetes: Services, their endpoints, and pods by address. */
import { type Endpoints, keyOf, type Service } from './objects.ts';

/** Addresses (or the other name of an ExternalName) of a host of the cluster; undefined: there is no such name. */
export type Records = Readonly<{ addresses: readonly string[]; alias?: string }>;

const zone = '.cluster.local';

/** Finds the records of a host; `foreign` for one that is not of the cluster's zone. */
export function recordsOf(
  host: string,
  services: readonly Service[],
  endpoints: readonly Endpoints[],
): Records | undefined | 'foreign' {
  const name = host.toLowerCase().replace(/\.$/, '');
  if (!name.endsWith(zone)) return 'foreign';
  const labels = name.slice(0, -zone.length).split('.');
  const kind = labels.pop();
  const namespace = labels.pop();
  const last = labels.pop();
  if (kind === 'pod' && last !== undefined && labels.length === 0) {
    return /^\d+-\d+-\d+-\d+$/.test(last) ? { addresses: [last.replaceAll('-', '.')] } : undefined;
  }
  if (kind !== 'svc' || last === undefined || labels.length > 1) return undefined;
  const key = `${namespace}/${last}`;
  const service = services.find((each) => keyOf(each) === key);
  if (service === undefined) return undefined;
  return serviceRecords(
    service,
    endpoints.find((each) => keyOf(each) === key),
    labels[0],
  );
}

function serviceRecords(
  { spec }: Service,
  endpoints: Endpoints | undefined,
  hostname: string | undefined,
): Records | undefined {
  const all = (endpoints?.subsets ?? []).flatMap(({ addresses }) => addresses ?? []);
  if (hostname !== undefined) {
    const addresses = all.filter((each) => each.hostname === hostname).map(({ ip }) => ip);
    return addresses.length === 0 ? undefined : { addresses };
  }
  if (spec?.type === 'ExternalName') return { addresses: [], alias: spec.externalName ?? '' };
  if (spec?.clusterIP !== 'None') return { addresses: spec?.clusterIPs ?? [spec?.clusterIP ?? ''] };
  return all.length === 0 ? undefined : { addresses: all.map(({ ip }) => ip) };
}
