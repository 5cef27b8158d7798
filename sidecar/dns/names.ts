/**
 * The table of names, made ready for look-ups (istio/istio pkg/dns/client/dns.go). Pure.
 *
 * Kubernetes services have their short forms: `name` in their own namespace, `name.namespace`, `name.namespace.svc`. An application's
 * resolver asks for `www.example.com` as `www.example.com.NAMESPACE.svc.cluster.local` first, by the first of its search domains:
 * that is answered at once with an alias, which spares it the rest of the search.
 */
import { isIPv6 } from 'node:net';
import type { NameInfo, NameTable } from '../snapshot/name-table.ts';

/** Who looks names up. */
export type Place = Readonly<{
  namespace: string;
  /** Domain of services, such as `svc.cluster.local`. */
  domain: string;
  /** The first search domain of its resolver; empty when there is none. */
  search: string;
}>;

/** Addresses of a host. */
export type Addresses = Readonly<{ v4: readonly string[]; v6: readonly string[] }>;

/** A host that is known. `alias`: the name that was asked for stands for this one. */
export type FoundName = Readonly<{ addresses: Addresses; alias: string | null }>;

/** Names for look-ups. */
export class Names {
  readonly #hosts = new Map<string, Addresses>();
  readonly #suffix: string;

  constructor(table: NameTable, place: Place) {
    this.#suffix = place.search === '' ? '' : `.${normalize(place.search)}`;
    const rows = [...table]
      .filter(([, info]) => info.addresses.length > 0)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([host, info]) => ({ host, info, addresses: split(info.addresses) }));
    // A name in full goes before a short form of another, whoever comes first.
    for (const { host, addresses } of rows) this.#add(host, addresses);
    for (const { host, info, addresses } of rows)
      for (const name of shortForms(host, info, place)) this.#add(name, addresses);
  }

  /** Names that are known, short forms among them. */
  get size(): number {
    return this.#hosts.size;
  }

  /** Looks up a name in lower case without a trailing dot; null when it is not of the mesh. */
  find(name: string): FoundName | null {
    const exact = this.#hosts.get(name);
    if (exact !== undefined) return { addresses: exact, alias: null };
    const base = this.#suffix !== '' && name.endsWith(this.#suffix) ? name.slice(0, -this.#suffix.length) : '';
    const expanded = this.#hosts.get(base);
    if (expanded !== undefined) return { addresses: expanded, alias: base };
    const wild = this.#wildcardOver(name);
    const wildBase = base === '' ? null : this.#wildcardOver(base);
    // Of two wildcards the one that says more.
    const isBase = wildBase !== null && wildBase.length + this.#suffix.length > (wild?.length ?? 0);
    if (isBase) return { addresses: wildBase.addresses, alias: base };
    return wild === null ? null : { addresses: wild.addresses, alias: null };
  }

  #add(name: string, addresses: Addresses): void {
    const key = normalize(name);
    if (isWellFormed(key) && !this.#hosts.has(key)) this.#hosts.set(key, addresses);
  }

  /** The longest wildcard that covers a name: `*` stands for one label or more. */
  #wildcardOver(name: string): Readonly<{ addresses: Addresses; length: number }> | null {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const pattern = `*${name.slice(dot)}`;
      const addresses = this.#hosts.get(pattern);
      if (addresses !== undefined) return { addresses, length: pattern.length };
    }
    return null;
  }
}

const none: readonly string[] = [];

function split(addresses: readonly string[]): Addresses {
  if (!addresses.some((address) => isIPv6(address))) return { v4: addresses, v6: none };
  return { v4: addresses.filter((address) => !isIPv6(address)), v6: addresses.filter((address) => isIPv6(address)) };
}

function shortForms(host: string, info: NameInfo, { namespace, domain }: Place): readonly string[] {
  const { isKubernetes, shortname, otherHosts } = info;
  // In another domain (another cluster) the same name may be another service.
  if (!isKubernetes || shortname === '' || !normalize(host).endsWith(`.${domain}`)) return otherHosts;
  const [service = 'svc'] = domain.split('.');
  const qualified = `${shortname}.${info.namespace}`;
  return [qualified, `${qualified}.${service}`, ...(info.namespace === namespace ? [shortname] : []), ...otherHosts];
}

function normalize(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** Visible ASCII without the dot. */
const wellFormed = /^(?:[!-\-/-~]{1,63}\.)*[!-\-/-~]{1,63}$/;

/** Whether it can stand in a message: labels of 1 to 63 octets, 253 in all. */
function isWellFormed(name: string): boolean {
  return name.length <= 253 && wellFormed.test(name);
}
