import { isIP } from 'node:net';
import type { Clock } from '#shared/runtime/clock.ts';
import { NameWatch, type Resolve } from '../net/dns.ts';
import type { Discovery } from '../snapshot/cluster.ts';
import type { Endpoint, Endpoints } from '../snapshot/endpoints.ts';

/** Discovery by names. */
export type DnsDiscovery = Extract<Discovery, { kind: 'strictDns' | 'logicalDns' }>;

/** What resolving needs, and who hears of what was found. */
export type DnsOptions = Readonly<{
  resolve: Resolve;
  clock: Clock;
  onEndpoints: (endpoints: Endpoints) => void;
}>;

/**
 * The endpoints behind the names of a cluster. Strict: every address is an endpoint. Logical: the first address of each name stands
 * for whatever is behind it. Names that are addresses are taken as they are.
 */
export class DnsEndpoints {
  readonly #discovery: DnsDiscovery;
  readonly #options: DnsOptions;
  readonly #names = new Map<string, NameWatch>();

  constructor(discovery: DnsDiscovery, options: DnsOptions) {
    this.#discovery = discovery;
    this.#options = options;
    const { family, refreshMs, endpoints } = discovery;
    for (const { address } of endpoints.localities.flatMap((locality) => locality.endpoints)) {
      if (isIP(address) !== 0 || this.#names.has(address)) continue;
      const watch = new NameWatch(address, { family, refreshMs, resolve: options.resolve, clock: options.clock });
      this.#names.set(address, watch);
      watch.resolution.subscribe(() => this.#tell());
    }
    this.#tell();
  }

  /** Why names are not resolved at present, by name. */
  problems(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const [name, watch] of this.#names) {
      const { problem } = watch.resolution.current();
      if (problem !== null) found.set(name, problem);
    }
    return found;
  }

  close(): void {
    for (const watch of this.#names.values()) watch.close();
  }

  #tell(): void {
    const { endpoints } = this.#discovery;
    this.#options.onEndpoints({
      ...endpoints,
      localities: endpoints.localities.map((locality) => ({
        ...locality,
        endpoints: locality.endpoints.flatMap((endpoint) => this.#expand(endpoint)),
      })),
    });
  }

  #expand(endpoint: Endpoint): Endpoint[] {
    const watch = this.#names.get(endpoint.address);
    if (watch === undefined) return [endpoint];
    const addresses = watch.resolution.current().addresses ?? [];
    const used = this.#discovery.kind === 'logicalDns' ? addresses.slice(0, 1) : addresses;
    const hostname = endpoint.hostname === '' ? endpoint.address : endpoint.hostname;
    return used.map((address) => ({ ...endpoint, address, hostname }));
  }
}
