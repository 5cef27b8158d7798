import { isIP } from 'node:net';

/** The proxy that a translation is for, as its bootstrap node (attested by the control plane) describes it. */
export type ProxyNode = Readonly<{
  id: string;
  name: string;
  namespace: string;
  serviceAccount: string;
  labels: Readonly<Record<string, string>>;
  ipAddresses: readonly string[];
  locality: Readonly<{ region: string; zone: string; subzone: string }>;
  /** Whose defaults hold; see `compat.ts`. */
  compat: 'tulle' | 'istio';
  metadata: Readonly<Record<string, unknown>>;
  /**
   * `REDIRECT`: NAT rules hand over the traffic. `TPROXY`: so they do, and what comes in keeps the address of its client. `NONE`:
   * applications use explicit ports and the HTTP proxy.
   */
  interception: 'REDIRECT' | 'TPROXY' | 'NONE';
}>;

/**
 * `TULLE_INBOUND` of the node metadata: application port -> the port on which the sidecar takes its traffic. Only for
 * proxies without interception.
 */
export function inboundPorts(node: ProxyNode): ReadonlyMap<number, number> {
  const declared = node.metadata['TULLE_INBOUND'];
  if (typeof declared !== 'object' || declared === null) {
    return new Map();
  }
  const pairs = Object.entries(declared).map(([app, listen]): [number, number] => [Number(app), Number(listen)]);
  return new Map(pairs.filter(([app, listen]) => Number.isInteger(app) && Number.isInteger(listen) && listen > 0));
}

/** The versions of IP that a proxy has addresses of; IPv4 where it is not known. */
export function ipVersions({ ipAddresses }: ProxyNode): readonly (4 | 6)[] {
  const versions = ([4, 6] as const).filter((version) => ipAddresses.some((address) => isIP(address) === version));
  return versions.length === 0 ? [4] : versions;
}

/** The port on which a proxy without interception takes the traffic that `TULLE_INBOUND` has under this name. */
export function namedInboundPort(node: ProxyNode, name: string): number | undefined {
  const declared = node.metadata['TULLE_INBOUND'];
  if (name === '' || typeof declared !== 'object' || declared === null) {
    return undefined;
  }
  const listen = Number(new Map(Object.entries(declared)).get(name));
  return Number.isInteger(listen) && listen > 0 ? listen : undefined;
}

/** The port of the explicit HTTP proxy on the loopback address; 15001 when the node does not say. */
export function httpProxyPort(node: ProxyNode): number {
  const port = Number(node.metadata['TULLE_HTTP_PROXY_PORT'] ?? 15001);
  return Number.isInteger(port) && port > 0 ? port : 15001;
}

/** Whether the proxy answers the names of its applications itself (`DNS_CAPTURE` of the metadata, as Istio's agents say it). */
export function resolvesNames(node: ProxyNode): boolean {
  return isTrue(node.metadata['DNS_CAPTURE']);
}

/**
 * The families of the automatic addresses that a proxy uses: those that it has addresses of itself. None when its applications could
 * not learn of them (Istio: `nodeUsesAutoallocatedIPs`), nobody would take what they send there, or it wants none
 * (`DNS_AUTO_ALLOCATE: false`).
 */
export function automaticFamilies(node: ProxyNode): readonly ('v4' | 'v6')[] {
  const refused = node.metadata['DNS_AUTO_ALLOCATE'];
  const isWanted = refused !== false && refused !== 'false';
  if (!resolvesNames(node) || !isWanted || node.interception === 'NONE') return [];
  const hasV6 = node.ipAddresses.some((address) => address.includes(':'));
  const hasV4 = node.ipAddresses.some((address) => !address.includes(':'));
  return [...(hasV4 ? (['v4'] as const) : []), ...(hasV6 ? (['v6'] as const) : [])];
}

function isTrue(value: unknown): boolean {
  return value === true || value === 'true';
}

/** Locality in Istio's form, `region/zone/subzone`. */
export function localityText(node: ProxyNode): string {
  const { region, zone, subzone } = node.locality;
  return [region, zone, subzone].join('/');
}
