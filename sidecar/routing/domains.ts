/**
 * The choice of a virtual host by authority, as in Envoy: exact, then the longest `*.suffix`, then the longest `prefix.*`, then
 * `*`. Case never counts; the port only if the table says so; a trailing dot names the same host.
 */
export class DomainIndex<T> {
  readonly #ignorePort: boolean;
  readonly #exact = new Map<string, T>();
  readonly #suffixes = new Map<number, Map<string, T>>();
  readonly #prefixes = new Map<number, Map<string, T>>();
  readonly #suffixLengths: readonly number[];
  readonly #prefixLengths: readonly number[];
  #any: T | null = null;

  /** Of several entries for one domain the first counts. */
  constructor(entries: Iterable<readonly [domain: string, value: T]>, ignorePort: boolean) {
    this.#ignorePort = ignorePort;
    for (const [domain, value] of entries) this.#add(domain.toLowerCase(), value);
    this.#suffixLengths = [...this.#suffixes.keys()].toSorted((a, b) => b - a);
    this.#prefixLengths = [...this.#prefixes.keys()].toSorted((a, b) => b - a);
  }

  #add(domain: string, value: T): void {
    if (domain === '*') this.#any ??= value;
    else if (domain.startsWith('*')) insert(this.#suffixes, domain.slice(1), value);
    else if (domain.endsWith('*')) insert(this.#prefixes, domain.slice(0, -1), value);
    else if (!this.#exact.has(domain)) this.#exact.set(domain, value);
  }

  find(authority: string): T | null {
    // Most requests name a host just as the table does: one look-up.
    const asSent = this.#exact.get(authority);
    if (asSent !== undefined) return asSent;
    const lower = authority.toLowerCase();
    const host = this.#ignorePort ? withoutPortNumber(lower) : lower;
    return this.#exact.get(host) ?? this.#exact.get(withoutDot(host)) ?? this.#wildcard(withoutDot(host)) ?? this.#any;
  }

  #wildcard(host: string): T | null {
    for (const length of this.#suffixLengths) {
      if (length >= host.length) continue;
      const value = this.#suffixes.get(length)?.get(host.slice(-length));
      if (value !== undefined) return value;
    }
    for (const length of this.#prefixLengths) {
      if (length >= host.length) continue;
      const value = this.#prefixes.get(length)?.get(host.slice(0, length));
      if (value !== undefined) return value;
    }
    return null;
  }
}

function insert<T>(byLength: Map<number, Map<string, T>>, part: string, value: T): void {
  const parts = byLength.get(part.length) ?? new Map<string, T>();
  byLength.set(part.length, parts);
  if (!parts.has(part)) parts.set(part, value);
}

/** The host without its port; brackets of an IPv6 address stay. */
export function withoutPortNumber(authority: string): string {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || colon === authority.length - 1) return authority;
  for (let i = colon + 1; i < authority.length; i++) {
    const code = authority.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return authority;
  }
  // An IPv6 address without brackets has no port.
  if (authority.charCodeAt(0) !== 0x5b && authority.indexOf(':') !== colon) return authority;
  return authority.charCodeAt(0) === 0x5b && authority.charCodeAt(colon - 1) !== 0x5d
    ? authority
    : authority.slice(0, colon);
}

function withoutDot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}
